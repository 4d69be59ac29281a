package datapath

import (
	"fmt"

	"github.com/culvertdev/culvert/pmd"
)

// Share says what of a port that is shared with the host belongs to the switch (pmd.Sharer), now and whenever its
// device is opened anew. A port whose device cannot be shared gets everything, as the host does. The error is that of
// the device; there may be no such port, which is none.
func (s *Switch) Share(port string, ends []pmd.TunnelEnd) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.portNamed(port)
	if p == nil {
		return nil
	}
	p.ends, p.shared = ends, true
	return p.tellEnds()
}

// tellEnds tells the port's device, if there is one, what belongs to the switch. s.mu is held.
func (p *port) tellEnds() error {
	dev, ok := p.dev.(pmd.Sharer)
	if !ok || !p.shared {
		return nil
	}
	if err := dev.Share(p.ends); err != nil {
		return fmt.Errorf("port %s: %w", p.cfg.Name, err)
	}
	return nil
}

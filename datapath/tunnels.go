package datapath

import (
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/encap"
)

// SetTunnels says which tunnels end at the addresses of each datapath port; of ports that are not in it, none. Packets
// of a tunnel, its outer headers removed, come in by the tunnel's port, which is one without queues. When SetTunnels
// returns, no packet is dealt with as before. Tunnels of a port that has gone are forgotten with it.
func (s *Switch) SetTunnels(byPort map[uint32]*encap.Tunnels) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, w := range s.pipes {
		s.onWorker(i, func() {
			for _, p := range w.known {
				w.setTunnels(p, byPort[p.id])
			}
		})
	}
}

// setTunnels makes t the tunnels that end at p. A table that is as good as the one there changes nothing, so that what the
// worker remembers of outer headers stays: tables are made anew whenever anything in the underlay or an overlay has changed.
func (w *pipeline) setTunnels(p *workerPort, t *encap.Tunnels) {
	if p.under.Equal(t) {
		return
	}
	if t != nil && w.popping.popper == nil {
		w.popping.popper = encap.NewPopper(w.frames)
		w.popping.fragments = encap.NewReassembler(w.frames, reassemblyBuffers)
	}
	p.under = t
}

// tunnelsOf returns the tunnels that end at a port; nil if none do.
func (s *Switch) tunnelsOf(port uint32) (t *encap.Tunnels) {
	s.onWorker(0, func() {
		if p := s.pipes[0].port(port); p != nil {
			t = p.under
		}
	})
	return t
}

// TunnelsChanged tells rule tables that verdicts that one of the changes concerns, whose tags are those that tunnels gave,
// may be others now. Sync has the flow cache follow.
func (s *Switch) TunnelsChanged(list []rules.Change) {
	for _, t := range s.tables.Load().all {
		if u, ok := rules.As[rules.TunnelUser](t); ok {
			u.TunnelsChanged(list)
		}
	}
}

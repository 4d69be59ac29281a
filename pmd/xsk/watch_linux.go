package xsk

import (
	"errors"
	"fmt"

	"github.com/culvertdev/culvert/pmd/netdev"
)

// follow watches the port's device, opened in the state given, until the watcher is closed. The thread
// must be in the device's network namespace.
func (p *Port) follow(opened deviceState) (err error) {
	opened.program = uint32(p.steer.id)
	p.watch, err = netdev.Watch(p.dev.index, func() (stopped bool) { return p.look(opened) })
	return err
}

// look compares the device with what the port was opened on and reports whether it had to stop the port.
func (p *Port) look(opened deviceState) (stopped bool) {
	st, err := p.dev.state()
	if err == nil {
		err = opened.changed(st)
	} else if !errors.Is(err, netdev.ErrGone) {
		p.log.Warn("cannot read the state of the device", "error", err)
		return false
	}
	if err != nil {
		p.log.Debug("port stops", "error", err)
		p.stop(err)
		return true
	}
	if p.up.Swap(st.carrier) != st.carrier {
		p.log.Debug("link changed", "up", st.carrier)
	}
	return false
}

// changed says what of now a port opened in state s cannot go on with.
func (s deviceState) changed(now deviceState) error {
	switch {
	case now.mtu != s.mtu:
		return fmt.Errorf("MTU changed from %d to %d bytes", s.mtu, now.mtu)
	case now.channels != s.channels:
		return fmt.Errorf("number of receive queues changed from %d to %d", s.channels, now.channels)
	case now.program == 0:
		return errors.New("the XDP program was taken off the device")
	case now.program != s.program:
		return fmt.Errorf("another XDP program (id %d) was put on the device", now.program)
	case now.mac.String() != s.mac.String():
		return fmt.Errorf("address changed from %v to %v", s.mac, now.mac)
	}
	return nil
}

package vhost

import (
	"fmt"

	"github.com/culvertdev/culvert/vhost/proto"
	"github.com/culvertdev/culvert/vhost/virtq"
)

// vringState does what messages say that have a number for one ring.
func (d *device) vringState(m *proto.Message, s proto.VringState) error {
	v, err := d.vring(s.Index)
	if err != nil {
		return err
	}
	if m.Request == proto.GetVringBase {
		if err := d.stop(v); err != nil {
			return err
		}
		return d.conn.Reply(m, proto.VringState{Index: s.Index, Num: v.base})
	}
	if m.Request != proto.SetVringNum && m.Request != proto.SetVringBase && m.Request != proto.SetVringEnable {
		return errNotOffered
	}
	if err := d.hold(v); err != nil {
		return err
	}
	switch m.Request {
	case proto.SetVringNum:
		if s.Num == 0 || s.Num > virtq.MaxSize {
			return fmt.Errorf("ring %d: %d entries, want 1 to %d", s.Index, s.Num, virtq.MaxSize)
		}
		v.size = int(s.Num)
	case proto.SetVringBase:
		v.base = s.Num
	case proto.SetVringEnable:
		if s.Num > 1 {
			return fmt.Errorf("ring %d: enabled is %d, want 0 or 1", s.Index, s.Num)
		}
		v.enabled = s.Num == 1
	}
	return nil
}

// setAddress takes where the parts of a ring are (VHOST_USER_SET_VRING_ADDR).
func (d *device) setAddress(a proto.VringAddr) error {
	v, err := d.vring(a.Index)
	if err != nil {
		return err
	}
	if err := d.hold(v); err != nil {
		return err
	}
	v.addr, v.addressed = a, true
	return nil
}

// vringFile takes an eventfd for one ring.
func (d *device) vringFile(m *proto.Message, f proto.VringFile) error {
	v, err := d.vring(uint32(f.Index))
	if err != nil {
		return err
	}
	fd := -1
	if !f.None {
		fd = m.Take(0)
		if err := checkEventfd(fd); err != nil {
			d.port.bin.Close(fd)
			return fmt.Errorf("ring %d: %w", f.Index, err)
		}
	}
	switch m.Request {
	case proto.SetVringKick:
		return d.setKick(v, fd)
	case proto.SetVringCall:
		return d.setCall(v, fd)
	case proto.SetVringErr:
		closeFD(&v.err)
		v.err = fd
	}
	return nil
}

// setKick starts a ring. Packets for the guest do not wait for its kick: only rings that it transmits on wake
// somebody.
func (d *device) setKick(v *vring, fd int) error {
	if err := d.stop(v); err != nil {
		closeFD(&fd)
		return err
	}
	v.started = true
	if v.waker == nil {
		closeFD(&fd)
		return nil
	}
	if fd >= 0 {
		if err := v.waker.add(fd); err != nil {
			closeFD(&fd)
			return fmt.Errorf("ring %d: %w", v.index, err)
		}
	}
	v.kick = fd
	return nil
}

// setCall changes how the guest is told. It is told once by the new descriptor: what it was to be told by the
// old one may not have reached it.
func (d *device) setCall(v *vring, fd int) error {
	r := v.ring
	if !v.running {
		r.call.set(fd)
		return nil
	}
	r.gate.Shut()
	defer v.admit()
	r.call.set(fd)
	if r.broken {
		return nil
	}
	return v.guarded(func() {
		r.show() // a worker that came to do it found the gate shut
		r.call.call()
	})
}

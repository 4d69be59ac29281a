package vhost

import (
	"errors"
	"fmt"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/vhost/proto"
	"github.com/culvertdev/culvert/vhost/virtq"
)

// A vring is what the frontend has said about one ring, and how far it is.
type vring struct {
	ring  *ring
	index int
	waker *waker // of the worker that receives from it; nil: packets go to the guest by it

	size      int             // entries; 0: not said
	addr      proto.VringAddr // valid if addressed
	addressed bool
	base      uint32 // where to go on
	started   bool   // since SET_VRING_KICK, until GET_VRING_BASE ("Ring states")
	enabled   bool
	kick      int // eventfd that waker knows; -1: none
	err       int // eventfd to signal when the ring is given up; -1: none

	running bool  // the gate is open
	blocked error // why it is not although all has been said
}

// transmits reports whether the guest transmits on the ring.
func (v *vring) transmits() bool { return v.index&1 != 0 }

// vring returns the ring a message is about.
func (d *device) vring(index uint32) (*vring, error) {
	if index >= uint32(len(d.vrings)) {
		return nil, fmt.Errorf("ring %d: there are %d", index, len(d.vrings))
	}
	return &d.vrings[index], nil
}

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
			closeFD(&fd)
			return fmt.Errorf("ring %d: %w", f.Index, err)
		}
	}
	switch m.Request {
	case proto.SetVringKick:
		return d.setKick(v, fd)
	case proto.SetVringCall:
		d.setCall(v, fd)
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
func (d *device) setCall(v *vring, fd int) {
	r := v.ring
	if v.running {
		r.gate.Shut()
	}
	r.call.set(fd)
	if v.running {
		r.call.call()
		r.gate.Open()
	}
}

// hold takes a ring out of its worker's hands. What was given back is shown to the guest first.
func (d *device) hold(v *vring) (err error) {
	if !v.running {
		return nil
	}
	v.running = false
	r := v.ring
	r.gate.Shut()
	defer func() {
		if e := r.fault(recover()); e != nil {
			err = fmt.Errorf("ring %d: %w", v.index, e)
		}
		r.half, r.table, r.log, r.flight = half{}, nil, nil, nil
		d.assign()
	}()
	r.show()
	v.base = r.position()
	return nil
}

func (d *device) holdAll() error {
	var errs []error
	for i := range d.vrings {
		errs = append(errs, d.hold(&d.vrings[i]))
	}
	return errors.Join(errs...)
}

// stop is hold until the ring is started again.
func (d *device) stop(v *vring) error {
	err := d.hold(v)
	v.started = false
	if v.kick >= 0 {
		err = errors.Join(err, v.waker.remove(v.kick))
		closeFD(&v.kick)
	}
	return err
}

// clear is stop, and forgets all that was said about the ring but how to tell its guest.
func (d *device) clear(v *vring) error {
	err := d.stop(v)
	closeFD(&v.err)
	*v = vring{ring: v.ring, index: v.index, waker: v.waker, kick: -1, err: -1}
	return err
}

// settle starts the rings that have all they need.
func (d *device) settle() error {
	changed := false
	for i := range d.vrings {
		v := &d.vrings[i]
		if v.running || !d.complete(v) {
			continue
		}
		if err := d.start(v); err != nil {
			return fmt.Errorf("ring %d: %w", i, err)
		}
		changed = changed || v.running
	}
	if changed {
		d.assign()
		d.port.state.negotiated(words(d.features, d.running()))
	}
	return nil
}

// complete reports whether a ring can run: it was started, and is enabled; a ring that is not but on which the
// guest transmits runs as well, to throw away what comes ("Ring states").
func (d *device) complete(v *vring) bool {
	return d.acked && d.table != nil && v.size > 0 && v.addressed && v.started && (v.enabled || v.transmits())
}

// start hands a ring to its worker. A ring outside of the memory stays held: frontends replace memory in
// steps, between which it may be missing.
func (d *device) start(v *vring) (err error) {
	r, f := v.ring, d.features
	r.table = d.table
	r.log, r.flight = nil, d.flight.of(v.index)
	c := virtq.Config{
		Size: v.size, Desc: v.addr.Desc, Driver: v.addr.Avail, Device: v.addr.Used, Position: v.base,
		Indirect: f.Has(proto.IndirectDesc), EventIndex: f.Has(proto.EventIdx), InOrder: f.Has(proto.InOrder),
		Reads: v.transmits(), Inflight: r.flight,
	}
	if f.Has(proto.LogAll) && d.dirty != nil {
		c.Log, r.log = d.dirty, d.dirty
		c.LogRing, c.RingLog = v.addr.Flags&proto.VringLog != 0, v.addr.Log
	}
	defer func() {
		if e := r.fault(recover()); e != nil {
			err = e
		}
		if err != nil {
			r.table = nil
		}
	}()
	if r.half, err = newHalf(f.Has(proto.RingPacked), d.table, c); err != nil {
		return d.block(v, err)
	}
	v.blocked = nil
	r.kicks(false)
	r.header, r.merge, r.hidden, r.room = headerOf(f), f.Has(proto.MrgRxbuf), 0, d.port.o.MTU+tagRoom
	r.discard, r.asking = !v.enabled, false
	if v.transmits() {
		r.takes = fromGuest(f)
		d.port.rx[v.index/2].gather.reset(v.size)
	} else {
		r.takes = toGuest(f)
	}
	v.running = true
	r.gate.Open()
	if v.waker != nil {
		v.waker.ring()
	}
	return nil
}

// block decides what becomes of a ring that cannot run.
func (d *device) block(v *vring, err error) error {
	var e *virtq.Error
	if !errors.As(err, &e) || e.Kind != virtq.RingOutside {
		return err
	}
	if v.blocked == nil {
		d.log.Warn("a ring waits for its memory", "ring", v.index, "reason", err)
	}
	v.blocked = err
	return nil
}

// running returns the number of rings that run.
func (d *device) running() (n int) {
	for i := range d.vrings {
		if d.vrings[i].running {
			n++
		}
	}
	return n
}

// assign tells the transmit queues which ring to use: each its own if it runs, another one if not.
func (d *device) assign() {
	var usable []*ring
	for i := range d.vrings {
		if v := &d.vrings[i]; v.running && !v.transmits() {
			usable = append(usable, v.ring)
		}
	}
	for i, q := range d.port.tx {
		switch {
		case d.vrings[2*i].running:
			q.target.Store(d.vrings[2*i].ring)
		case len(usable) > 0:
			q.target.Store(usable[i%len(usable)])
		default:
			q.target.Store(nil)
		}
	}
	var t pmd.Take
	if len(usable) > 0 {
		t = toGuest(d.features)
	}
	d.port.takes.Set(t)
	d.port.link.Store(len(usable) > 0)
}

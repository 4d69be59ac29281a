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
	told      bool   // the frontend has been told in this session
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
		r.half, r.table, r.log, r.flight, r.asks, r.waits = half{}, nil, nil, nil, nil, false
		d.assign()
	}()
	r.show()
	v.base, v.told = r.position(), true
	return nil
}

// guarded has the session do something with a ring whose gate is shut, and returns a fault in the guest's memory that
// comes of it.
func (v *vring) guarded(do func()) (err error) {
	defer func() {
		if e := v.ring.fault(recover()); e != nil {
			err = fmt.Errorf("ring %d: %w", v.index, e)
		}
	}()
	do()
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
	v.ring.miss.Store(0)
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
	}
	return nil
}

// complete reports whether a ring can run: it was started, and is enabled; a ring that is not but on which the
// guest transmits runs as well, to throw away what comes ("Ring states").
func (d *device) complete(v *vring) bool {
	return d.acked && d.table != nil && v.size > 0 && v.addressed && v.started && (v.enabled || v.transmits())
}

// start hands a ring to its worker. A ring outside of the memory stays held: frontends replace memory in
// steps, between which it may be missing. So does one of which nobody knows how far it is, until its driver begins anew.
func (d *device) start(v *vring) (err error) {
	r, f := v.ring, d.features
	r.table = d.table
	r.log, r.flight = nil, d.flight.of(v.index)
	c := virtq.Config{
		Size: v.size, Desc: v.addr.Desc, Driver: v.addr.Avail, Device: v.addr.Used, Position: v.base,
		Indirect: f.Has(proto.IndirectDesc), EventIndex: f.Has(proto.EventIdx), InOrder: f.Has(proto.InOrder),
		Reads: v.transmits(), Unsure: !v.told, Inflight: r.flight,
	}
	r.asks, r.waits = nil, false
	if f.Has(proto.AccessPlatform) {
		c.IOTLB, r.asks = &d.iotlb, d.asker
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
	r.miss.Store(0)
	r.kicks(false)
	r.header, r.merge, r.hidden, r.room = headerOf(f), f.Has(proto.MrgRxbuf), 0, d.port.o.MTU+tagRoom
	r.discard, r.asking = !v.enabled, false
	if v.transmits() {
		r.takes = fromGuest(f)
		d.port.rx[v.index/2].gather.reset(v.size)
	} else {
		r.takes = toGuest(f)
	}
	r.tend()
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
	var m virtq.Miss
	if errors.As(err, &m) {
		d.asker.want(v.ring, m)
		return nil // there is an answer in no time
	}
	if !errors.As(err, &e) || e.Kind != virtq.RingOutside && e.Kind != virtq.RingScattered && e.Kind != virtq.RingLost {
		return err
	}
	if v.blocked == nil {
		d.complain("a ring waits", "ring", v.index, "reason", err)
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

// assign tells the transmit queues which ring to use: each its own if it runs, another one if not. And it tells
// everybody whether there are any, and what the guest takes.
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
	var notes []pmd.Note // none: the guest's driver is not ready
	if len(usable) > 0 {
		t, notes = toGuest(d.features), words(d.features, d.running())
	}
	d.port.takes.Set(t)
	d.port.state.negotiated(notes)
	d.port.link.Store(len(usable) > 0)
}

package vhost

import (
	"errors"
	"fmt"

	"github.com/culvertdev/culvert/vhost/proto"
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
			r.broken, err = true, fmt.Errorf("ring %d: %w", v.index, e)
		}
		if r.broken {
			v.complain()
		}
		r.half, r.table, r.log, r.flight, r.asks, r.waits = half{}, nil, nil, nil, nil, false
		d.assign()
	}()
	r.show()
	v.base, v.told = r.position(), true
	return nil
}

// complain signals the ring's error eventfd ("SET_VRING_ERR"), where the kernel does that without waiting for the frontend. Nobody is
// inside the ring's gate.
func (v *vring) complain() {
	if v.err >= 0 {
		v.ring.call.bell.Try(v.err)
	}
}

// guarded has the session do something with a ring whose gate is shut, and returns what is wrong with the ring, or with the guest's
// memory, if that shows then. The ring is broken with it.
func (v *vring) guarded(do func()) (err error) {
	r := v.ring
	defer func() {
		e := r.fault(recover())
		if e == nil {
			e = r.half.err()
		}
		if e != nil {
			r.broken, err = true, fmt.Errorf("ring %d: %w", v.index, e)
		}
	}()
	do()
	return nil
}

// admit lets workers into a ring whose gate the session has shut, unless the ring is broken: then the session is about to end.
func (v *vring) admit() {
	if v.ring.broken {
		return
	}
	v.ring.gate.Open()
	if v.waker != nil { // its worker may have found the gate shut when it went to sleep
		v.waker.ring()
	}
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

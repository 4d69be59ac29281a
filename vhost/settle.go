package vhost

import (
	"errors"
	"fmt"

	"github.com/culvertdev/culvert/vhost/proto"
	"github.com/culvertdev/culvert/vhost/virtq"
)

// settle starts the rings that have all they need.
func (d *device) settle() error {
	changed := false
	for i := range d.vrings {
		v := &d.vrings[i]
		if v.running || !d.complete(v) {
			continue
		}
		if err := d.start(v); err != nil {
			v.complain()
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
// guest transmits runs as well, to throw away what comes ("Ring states"). One that is broken does not run again in the session,
// which is about to end.
func (d *device) complete(v *vring) bool {
	return d.acked && d.table != nil && v.size > 0 && v.addressed && v.started && (v.enabled || v.transmits()) && !v.ring.broken
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
	r.longest = d.mtu() + tagRoom
	r.polled = v.waker != nil && v.kick < 0
	if v.transmits() {
		r.takes = fromGuest(f)
		rx := d.port.rx[v.index/2]
		rx.gather.reset(v.size)
		rx.late = 0
	} else {
		r.takes = toGuest(f)
	}
	r.tend()
	if err := r.half.err(); err != nil {
		return err
	}
	v.running = true
	v.admit()
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

package vhost

import (
	"errors"
	"fmt"
	"math"

	"github.com/culvertdev/culvert/vhost/mem"
	"github.com/culvertdev/culvert/vhost/proto"
	"github.com/culvertdev/culvert/vhost/virtq"
)

// changeTranslations does what the frontend says about I/O virtual addresses (VHOST_USER_IOTLB_MSG). When it is told
// that it was done, no worker uses what it took back any more, and none will.
func (d *device) changeTranslations(m *proto.Message, v proto.IOTLB) error {
	err := d.translate(v)
	var no refusal
	if err != nil && !errors.As(err, &no) {
		return err
	}
	answer := proto.U64(0)
	if err != nil {
		d.complain("a translation of the frontend is refused", "reason", err)
		answer = 1
	}
	return d.conn.Reply(m, answer)
}

func (d *device) translate(v proto.IOTLB) error {
	if !d.features.Has(proto.AccessPlatform) {
		return refuse("translations without %v", proto.AccessPlatform)
	}
	last := v.Address + v.Size - 1
	if last < v.Address {
		last = math.MaxUint64 // of 2^64 bytes, which are 0 in 64 bits; other sizes Update does not take
	}
	var change func() error
	switch v.Type {
	case proto.IOTLBUpdate:
		change = func() error {
			if d.table == nil {
				return errors.New("translations without memory")
			}
			return d.iotlb.Update(d.table, v.Address, v.Size, v.User, mem.Access(v.Perm))
		}
	case proto.IOTLBInvalidate:
		change = func() error {
			d.iotlb.Invalidate(v.Address, v.Size)
			d.port.state.invalidated()
			return nil
		}
	default:
		return fmt.Errorf("an IOTLB message of type %d: want an update or an invalidation", v.Type)
	}
	return d.retranslate(v.Address, last, change)
}

// retranslate changes what is known of the addresses from first to last, while no worker looks. Rings that are there
// themselves are held, and settle opens them again where they are now.
func (d *device) retranslate(first, last uint64, change func() error) error {
	for i := range d.vrings {
		if v := &d.vrings[i]; v.running {
			v.ring.gate.Shut()
		}
	}
	failed := change()
	d.asker.answered(first, last)
	var errs []error
	for i := range d.vrings {
		v := &d.vrings[i]
		if !v.running {
			continue
		}
		r := v.ring
		r.refresh()
		if r.moved(d.table, first, last) {
			errs = append(errs, d.hold(v))
			continue
		}
		if r.broken {
			continue
		}
		answered := r.waits && r.miss.Load() == 0
		r.waits = r.waits && !answered
		errs = append(errs, v.guarded(r.tend))
		v.admit()
	}
	if err := errors.Join(errs...); err != nil || failed == nil {
		return err
	}
	return refusal{failed}
}

// forgetTranslations is for when there is no memory that they could be of, or nobody uses them. All rings are held.
func (d *device) forgetTranslations() {
	d.iotlb.Clear()
	d.asker.answered(0, math.MaxUint64)
}

// tend does for the worker what it may have come to do while the gate was shut, and looks ahead at the buffers that the
// guest has, so that their addresses are asked for before a packet needs them. What else is wrong with the ring, its err says.
func (r *ring) tend() {
	r.show()
	if r.asks == nil {
		return
	}
	if _, err := r.take(&r.chains, virtq.MaxChains); err == nil {
		r.give(&r.chains, 0)
		r.look()
	}
}

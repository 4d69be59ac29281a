package vhost

import (
	"github.com/culvertdev/culvert/pmd"
)

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

// running returns the number of rings that run.
func (d *device) running() (n int) {
	for i := range d.vrings {
		if d.vrings[i].running {
			n++
		}
	}
	return n
}

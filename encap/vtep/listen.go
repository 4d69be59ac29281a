package vtep

import (
	"net/netip"
	"slices"
	"time"
)

// listenEvery is how often answers that are kept for their groups are wanted.
const listenEvery = time.Second

// Listen says in which networks this host takes part. What goes to all in one of them may go to an IP multicast group, to
// which this host then has to listen though it sends nothing itself: so the answer is asked for, and kept.
func (d *Directory) Listen(vnis []uint32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !slices.Equal(d.vnis, vnis) {
		d.vnis, d.listened = slices.Clone(vnis), 0
	}
}

// Groups returns the IP multicast groups that this host has to listen to: those that the look-up names of itself, and those
// in answers to Flood of the networks that it takes part in.
func (d *Directory) Groups() (list []netip.Addr) {
	if g, ok := d.look.(Grouper); ok {
		list = append(list, g.Groups()...)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, vni := range d.vnis {
		e := d.book.find(ForFlood(vni))
		if e == nil || e.have != ends {
			continue
		}
		for _, end := range e.a.Ends {
			if end.Addr.IsMulticast() && !slices.Contains(list, end.Addr) {
				list = append(list, end.Addr)
			}
		}
	}
	return list
}

// listen wants the answers that Listen is about.
func (d *Directory) listen(now int64) {
	d.mu.Lock()
	vnis := d.vnis
	if now-d.listened < int64(listenEvery) {
		vnis = nil
	} else {
		d.listened = now
	}
	d.mu.Unlock()
	for _, vni := range vnis {
		d.Ask(ForFlood(vni), true)
	}
}

package vtep

import "net/netip"

// shotRate is how many hosts a second are told that a guest is not here.
const shotRate = 100

// Learn passes on what a received packet shows, to a look-up that learns from packets. It changes nothing
// for others, and is cheap for what is known already.
func (d *Directory) Learn(g Guest) {
	if l, ok := d.look.(Learner); ok {
		l.Learn(g)
	}
}

// Learns says whether the look-up learns from packets: if not, Learn need not be called.
func (d *Directory) Learns() bool {
	_, ok := d.look.(Learner)
	return ok
}

// Announces says whether a plug-in tells other hosts of guests here: if not, Announce and Withdraw need not be called.
func (d *Directory) Announces() bool { return is[Announcer](d) }

// Shoots says whether a plug-in can tell other hosts that a guest is not here: if not, Shoot need not be called.
func (d *Directory) Shoots() bool { return is[Shooter](d) }

// is says whether one of the plug-ins is a T.
func is[T any](d *Directory) bool {
	if _, ok := d.look.(T); ok {
		return true
	}
	_, ok := d.inv.(T)
	return ok
}

// Announce tells other hosts that a guest is here, through those plug-ins that can.
func (d *Directory) Announce(g Guest) {
	for _, p := range []any{d.look, d.inv} {
		if a, ok := p.(Announcer); ok {
			a.Announce(g)
		}
	}
}

// Withdraw tells other hosts that a guest is not here any more.
func (d *Directory) Withdraw(g Guest) {
	for _, p := range []any{d.look, d.inv} {
		if a, ok := p.(Announcer); ok {
			a.Withdraw(g)
		}
	}
}

// Shoot tells the host at to, which has sent a packet for a guest that is not at self, an address of this
// host: it should forget what it thinks (SHOOTDOWN). To be called for packets that came from an overlay
// and are for nobody here; more than 100 a second are counted and not sent.
func (d *Directory) Shoot(vni uint32, mac [6]byte, self, to netip.Addr) {
	q := ForMAC(vni, mac)
	if q.Kind != ByMAC {
		return
	}
	d.mu.Lock()
	ok := d.shots.take(d.opt.Clock())
	if ok {
		d.tally.shot++
	} else {
		d.tally.unshot++
	}
	d.mu.Unlock()
	if !ok {
		return
	}
	for _, p := range []any{d.look, d.inv} {
		if s, ok := p.(Shooter); ok {
			s.Shoot(q, self, to)
		}
	}
}

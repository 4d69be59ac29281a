package bond

import "github.com/culvertdev/culvert/datapath/lacp"

// Changes is what a bond does otherwise than before.
type Changes struct {
	All      bool     // anything
	Active   bool     // which member is the active one
	Members  []uint32 // what these members take in
	Buckets  []uint8  // which members these hashes go out by
	Announce bool     // who is behind the bond's bridge should be made known by the active member
}

// Any reports whether something has changed.
func (c *Changes) Any() bool { return c.All || c.Active || len(c.Members)+len(c.Buckets) > 0 }

// Run does what is due at now: links that have been up or down for long enough are enabled or disabled, another member
// becomes the active one, load is shared out anew, and LACP sends what it has to. send gets the frames, from the
// Ethernet header on, and the port that each leaves by; it keeps none.
func (b *Bond) Run(now int64, ch *Changes, send func(port uint32, frame []byte)) {
	if b.group != nil {
		b.group.Run(now, func(m *lacp.Member, p *lacp.PDU) { b.send(m, p, send) })
	}
	b.run(now, ch)
	b.rebalance(now, ch)
}

// run makes the members' states follow from what is known.
func (b *Bond) run(now int64, ch *Changes) {
	status := LACPNone
	if b.group != nil {
		status = LACPConfigured
		if b.group.Negotiated() {
			status = LACPNegotiated
		}
	}
	if status != b.status {
		b.status, ch.All = status, true
	}
	for _, m := range b.members {
		b.follow(m, now, ch)
	}
	primary := b.primary()
	if b.active == nil || !b.active.enabled || b.byID[b.active.ID] != b.active || primary != nil && primary != b.active {
		b.activate(ch)
	}
	if ch.All || len(ch.Members) > 0 {
		b.share(ch)
	}
}

// follow makes a member enabled or not as its link is, when it has been so for long enough.
func (b *Bond) follow(m *member, now int64, ch *Changes) {
	up := b.mayEnable(m)
	switch {
	case up == m.enabled:
		m.due = never
		return
	case m.due == never && b.status != LACPNone:
		m.due = now
	case m.due == never && up:
		m.due = now + int64(b.cfg.UpDelay)
	case m.due == never:
		m.due = now + int64(b.cfg.DownDelay)
	}
	if now >= m.due || b.held[m.Name] {
		b.enable(m, up, ch)
	}
}

// mayEnable reports whether a member could carry packets.
func (b *Bond) mayEnable(m *member) bool {
	return m.Up && !b.held[m.Name] && (m.lacp == nil || m.lacp.MayEnable())
}

func (b *Bond) enable(m *member, on bool, ch *Changes) {
	m.due = never
	if m.enabled != on {
		m.enabled = on
		ch.Members = append(ch.Members, m.ID)
	}
}

// primary returns the member that is to be the active one, if it can be.
func (b *Bond) primary() *member {
	for _, m := range b.members {
		if m.Name == b.cfg.Primary && m.enabled {
			return m
		}
	}
	return nil
}

// activate chooses the active member: the primary one, the one that it was last, the first that is enabled, or the one
// that would be soonest, which then does not wait.
func (b *Bond) activate(ch *Changes) {
	next := b.primary()
	for _, m := range b.members {
		if next == nil && m.enabled && m.Name == b.last {
			next = m
		}
	}
	for _, m := range b.members {
		if next == nil && m.enabled {
			next = m
		}
	}
	if next == nil {
		for _, m := range b.members {
			if b.mayEnable(m) && m.due != never && (next == nil || m.due < next.due) {
				next = m
			}
		}
		if next != nil {
			b.enable(next, true, ch)
		}
	}
	b.setActive(next, ch)
}

func (b *Bond) setActive(m *member, ch *Changes) {
	if m == b.active {
		return
	}
	for _, one := range [...]*member{b.active, m} {
		if one != nil {
			ch.Members = append(ch.Members, one.ID)
		}
	}
	b.active, ch.Active = m, true
	if m == nil {
		return
	}
	b.last = m.Name
	// With LACP the partner knows that its links are one.
	if b.status == LACPNone || b.status == LACPConfigured && b.cfg.FallbackAB {
		ch.Announce = true
	}
}

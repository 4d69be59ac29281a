package lacp

import (
	"bytes"
	"time"
)

// A status is how current the knowledge of the other end is: the states of the receive machine in which anything
// depends on time (IEEE 802.1AX-2014, 6.4.12).
type status uint8

const (
	current status = iota
	expired
	defaulted
)

// String returns the word of ovs-appctl lacp/show.
func (s status) String() string { return [...]string{"current", "expired", "defaulted"}[s] }

// A Member is a link of a group.
type Member struct {
	group    *Group
	opt      MemberOptions
	status   status
	attached bool
	partner  Info  // the other end, as it says; zero while defaulted
	told     Info  // what the other end knows of this one
	heardBy  int64 // ns: when the status gets worse
	sendAt   int64 // ns: when the next message is due
	sent     [maxBurst]int64

	Received, Bad, Sent uint64 // messages
}

// SetOptions changes the member's settings. What the other end has agreed to is not valid any more.
func (m *Member) SetOptions(o MemberOptions, now int64) {
	if m.opt == o {
		return
	}
	m.opt, m.group.stale = o, true
	if m.group.opt.Active || m.group.negotiated {
		m.lose(now)
	}
}

// CarrierChanged says that the link came or went: what was agreed before counts no more.
func (m *Member) CarrierChanged(now int64) {
	if m.status == current || m.group.opt.Active {
		m.lose(now)
	}
}

// Receive takes what came in by the link with EtherType, behind its Ethernet header, and reports whether it was a
// LACPDU. Messages of other slow protocols and damaged ones are counted and teach nothing.
func (m *Member) Receive(b []byte, now int64) bool {
	m.Received++
	p, ok := Parse(b)
	if !ok {
		m.Bad++
		return false
	}
	period := slowPeriod
	if m.group.opt.Fast {
		period = fastPeriod
	}
	m.heardBy = now + int64(patience*period)
	m.told = p.Partner
	if m.status != current || m.partner != p.Actor {
		m.status, m.partner = current, p.Actor
		m.group.stale = true
		m.group.settle()
	}
	return true
}

// expire makes the status worse when its time has come.
func (m *Member) expire(now int64) {
	if m.status == defaulted || now < m.heardBy {
		return
	}
	if m.status == current {
		m.lose(now)
		return
	}
	m.status, m.partner, m.group.stale = defaulted, Info{}, true
}

// lose makes the other end one that has not been heard in time: it is asked to answer fast.
func (m *Member) lose(now int64) {
	m.status = expired
	m.partner.State = m.partner.State&^Sync | Timeout
	m.heardBy = now + int64(patience*fastPeriod)
	m.sendAt = now
	m.group.stale = true
}

// transmit sends a message if one is due, or if the other end does not know how things are.
func (m *Member) transmit(now int64, send func(*Member, *PDU)) {
	if !m.group.opt.Active && m.status == defaulted {
		return
	}
	actor := m.Actor()
	if now < m.sendAt && actor.sameFor(&m.told) {
		return
	}
	if m.Sent >= maxBurst && now-m.sent[m.Sent%maxBurst] < int64(fastPeriod) {
		return
	}
	m.told = actor
	m.sent[m.Sent%maxBurst] = now
	m.Sent++
	m.sendAt = now + int64(m.period())
	send(m, &PDU{Actor: actor, Partner: m.partner})
}

// period returns the time between messages that the other end wants.
func (m *Member) period() time.Duration {
	if m.partner.State&Timeout != 0 {
		return fastPeriod
	}
	return slowPeriod
}

// sameFor reports whether two descriptions of an end differ in nothing that the other end has to be told of at once
// (IEEE 802.1AX-2014, 6.4.9, update_NTT).
func (i *Info) sameFor(o *Info) bool {
	const told = Activity | Timeout | Sync | Aggregation
	a, b := *i, *o
	a.State, b.State = a.State&told, b.State&told
	return a == b
}

// Actor returns what the member says of itself.
func (m *Member) Actor() Info {
	g := m.group
	i := Info{
		SystemPriority: g.opt.SystemPriority, System: g.opt.System, Key: g.Key(), PortPriority: m.opt.Priority, Port: m.opt.Port,
	}
	for _, s := range [...]struct {
		set bool
		bit State
	}{
		{g.opt.Active, Activity},
		{g.opt.Fast, Timeout},
		{len(g.members) > 1, Aggregation},
		{m.attached, Sync},
		{m.attached || !g.negotiated, Collecting | Distributing},
		{m.status == defaulted, Defaulted},
		{m.status == expired, Expired},
	} {
		if s.set {
			i.State |= s.bit
		}
	}
	return i
}

// Partner returns what is known of the other end.
func (m *Member) Partner() Info { return m.partner }

// Status returns how current that is, in the words of ovs-appctl lacp/show.
func (m *Member) Status() string { return m.status.String() }

// Attached reports whether the link is used with those of the others that are attached.
func (m *Member) Attached() bool { return m.attached }

// MayEnable reports whether the link may carry packets: both ends agree that it is one of the aggregation, or nobody
// is heard and FallbackAB says that it may then.
func (m *Member) MayEnable() bool {
	return m.attached && (m.partner.State&Sync != 0 || m.group.opt.FallbackAB && m.status == defaulted)
}

// Loops reports whether the other end of the link is this group.
func (m *Member) Loops() bool { return m.status != defaulted && m.partner.System == m.group.opt.System }

// before reports whether m rather than o says which aggregation the group is part of: one that may be enabled, then
// that of the least priority, as the system says that has more to say.
func (m *Member) before(o *Member) bool {
	if a, b := m.MayEnable(), o.MayEnable(); a != b {
		return a
	}
	return bytes.Compare(m.priority(), o.priority()) < 0
}

// priority returns the identification of the link by the system with more to say, ordered as bytes.
func (m *Member) priority() []byte {
	best := m.Actor()
	if p := &m.partner; p.SystemPriority < best.SystemPriority ||
		p.SystemPriority == best.SystemPriority && bytes.Compare(p.System[:], best.System[:]) < 0 {
		best = *p
	}
	best.Key, best.State = 0, 0
	return best.append(nil)
}

package lacp

import (
	"slices"
	"time"
)

// Options are the settings of one end.
type Options struct {
	Active         bool // it sends on its own; otherwise only to who is heard
	Fast           bool // it wants to hear every second
	FallbackAB     bool // a member that hears nobody may be used by itself (ovs-vswitchd.conf.db(5), lacp-fallback-ab)
	System         [6]byte
	SystemPriority uint16
}

// MemberOptions are the settings of a member.
type MemberOptions struct {
	Port     uint16 // unique in the system
	Priority uint16
	Key      uint16 // of the aggregation, of which the first member's counts; 0: that member's Port
}

// Times of the protocol (IEEE 802.1AX-2014, 6.4.4).
const (
	fastPeriod = time.Second
	slowPeriod = 30 * time.Second
	patience   = 3 // periods without a message after which the other end counts as gone

	// maxBurst messages are sent within a fastPeriod at most (6.4.16), whatever the other end does.
	maxBurst = 3
)

// A Group is one end of an aggregation.
type Group struct {
	opt        Options
	members    []*Member
	negotiated bool
	stale      bool // who is attached has to be found out anew
}

// NewGroup returns an end without members.
func NewGroup(o Options) *Group { return &Group{opt: o} }

// SetOptions changes the settings. The other end hears of it with the next Run.
func (g *Group) SetOptions(o Options) {
	if g.opt != o {
		g.opt, g.stale = o, true
	}
}

// Options returns the settings.
func (g *Group) Options() Options { return g.opt }

// Join adds a member, of which nothing is known yet.
func (g *Group) Join(o MemberOptions) *Member {
	m := &Member{group: g, opt: o, status: defaulted}
	g.members = append(g.members, m)
	g.stale = true
	return m
}

// Leave removes a member.
func (g *Group) Leave(m *Member) {
	if i := slices.Index(g.members, m); i >= 0 {
		g.members = slices.Delete(g.members, i, i+1)
		g.stale = true
	}
}

// Negotiated reports whether some member is heard by an end that it can be used with.
func (g *Group) Negotiated() bool { return g.negotiated }

// Key returns the key of the aggregation.
func (g *Group) Key() uint16 {
	if len(g.members) == 0 {
		return 0
	}
	first := &g.members[0].opt
	if first.Key != 0 {
		return first.Key
	}
	return first.Port
}

// Run does what is due at now: members that were not heard expire, and what the other ends should know is sent.
func (g *Group) Run(now int64, send func(*Member, *PDU)) {
	for _, m := range g.members {
		m.expire(now)
	}
	g.settle()
	for _, m := range g.members {
		m.transmit(now, send)
	}
}

// settle finds out which members are attached, if that may have changed: those whose other end is the same as that of
// the best of them. One whose other end is this group is connected to itself.
func (g *Group) settle() {
	if !g.stale {
		return
	}
	g.stale = false
	var lead *Member
	for _, m := range g.members {
		m.attached = false
		switch {
		case m.status == defaulted:
			m.attached = g.opt.FallbackAB
		case !m.Loops():
			m.attached = true
			if lead == nil || m.before(lead) {
				lead = m
			}
		}
	}
	g.negotiated = lead != nil
	if lead == nil {
		return
	}
	for _, m := range g.members {
		if m.status == defaulted || m.partner.Key != lead.partner.Key || m.partner.System != lead.partner.System {
			m.attached = false
		}
	}
}

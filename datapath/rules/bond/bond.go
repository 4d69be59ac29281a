package bond

import (
	"bytes"
	"slices"
	"sync/atomic"

	"github.com/culvertdev/culvert/datapath/lacp"
)

// Buckets is how many hashes a bond tells apart, each of which is a member's.
const Buckets = 256

// None is the bucket's member, and the active one, when there is none: no port has the id.
const None = ^uint32(0)

// A Link is a member's port, as it is.
type Link struct {
	Name   string
	ID     uint32
	Number uint16
	MAC    [6]byte
	Up     bool
}

// A Bond is the state of a bond. [New] makes one.
type Bond struct {
	cfg     Config
	members []*member // those whose ports are there, in the order of the configuration
	byID    map[uint32]*member
	active  *member
	last    string // name of the one that was active last
	group   *lacp.Group
	status  Status
	held    map[string]bool // names of members that somebody has disabled

	buckets       [Buckets]*member
	load          [Buckets]atomic.Uint64 // bytes, older ones at half their weight with each rebalancing
	nextRebalance int64
}

// A member is a port of the bond.
type member struct {
	Link
	opt     Member
	enabled bool
	due     int64 // ns: when enabled follows the link; never: it does as things are
	lacp    *lacp.Member
}

const never = int64(1<<63 - 1)

// Status is what LACP has come to.
type Status uint8

// Values of Status, those of ovs-appctl bond/show.
const (
	LACPNone       Status = iota // the bond does not speak it
	LACPConfigured               // nobody is heard
	LACPNegotiated
)

// String returns the word of ovs-appctl bond/show.
func (s Status) String() string { return [...]string{"off", "configured", "negotiated"}[s] }

// New returns a bond without links. The configuration is one that Check finds good; the bond keeps its slices.
func New(c Config) *Bond {
	b := &Bond{cfg: c, byID: make(map[uint32]*member), held: make(map[string]bool)}
	b.setGroup()
	return b
}

// Config returns the settings.
func (b *Bond) Config() *Config { return &b.cfg }

// Status returns what LACP has come to.
func (b *Bond) Status() Status { return b.status }

// SetConfig changes the settings. Links that the bond has stay as they are.
func (b *Bond) SetConfig(c Config, now int64, ch *Changes) {
	if c.Equal(&b.cfg) {
		return
	}
	if c.Mode != b.cfg.Mode || c.HashBasis != b.cfg.HashBasis {
		for i := range b.buckets {
			b.load[i].Store(0)
		}
	}
	links := make([]Link, 0, len(b.members))
	for _, m := range b.members {
		links = append(links, m.Link)
	}
	b.cfg, b.nextRebalance = c, 0
	for name := range b.held {
		if !slices.ContainsFunc(c.Members, func(m Member) bool { return m.Name == name }) {
			delete(b.held, name)
		}
	}
	b.setGroup()
	ch.All = true
	b.SetLinks(links, now, ch)
}

// setGroup makes LACP's end as the configuration says, or none.
func (b *Bond) setGroup() {
	if b.cfg.LACP == LACPOff {
		b.group = nil
		for _, m := range b.members {
			m.lacp = nil
		}
		return
	}
	if b.group == nil {
		b.group = lacp.NewGroup(b.lacpOptions())
	}
}

func (b *Bond) lacpOptions() lacp.Options {
	return lacp.Options{
		Active: b.cfg.LACP == LACPActive, Fast: b.cfg.Fast, FallbackAB: b.cfg.FallbackAB,
		System: b.system(), SystemPriority: b.cfg.SystemPriority,
	}
}

// system returns the address that the bond is known by.
func (b *Bond) system() (system [6]byte) {
	if b.cfg.System != system {
		return b.cfg.System
	}
	for _, m := range b.members {
		if none := ([6]byte{}); m.MAC != none && (system == none || bytes.Compare(m.MAC[:], system[:]) < 0) {
			system = m.MAC
		}
	}
	return system
}

// SetLinks says which of the members' ports there are, and how. Those that are no members are left out. What follows from
// it happens at once, or is due later: see Run.
func (b *Bond) SetLinks(links []Link, now int64, ch *Changes) {
	old := b.members
	b.members = nil
	clear(b.byID)
	for _, opt := range b.cfg.Members {
		i := slices.IndexFunc(links, func(l Link) bool { return l.Name == opt.Name })
		if i < 0 {
			continue
		}
		j := slices.IndexFunc(old, func(m *member) bool { return m.Name == opt.Name && m.ID == links[i].ID })
		m := &member{due: never}
		if j >= 0 {
			m = old[j]
			old = slices.Delete(old, j, j+1)
		}
		b.setLink(m, opt, links[i], now)
		b.members = append(b.members, m)
		b.byID[m.ID] = m
	}
	for _, m := range old {
		ch.All = true // members come and go with what the bridge has
		if b.group != nil && m.lacp != nil {
			b.group.Leave(m.lacp)
		}
		m.enabled = false
	}
	if b.group != nil {
		b.group.SetOptions(b.lacpOptions())
	}
	b.run(now, ch)
}

func (b *Bond) setLink(m *member, opt Member, l Link, now int64) {
	changed := m.Up != l.Up && m.ID != 0
	m.Link, m.opt = l, opt
	if b.group == nil {
		return
	}
	o := lacp.MemberOptions{Port: opt.Port, Priority: opt.Priority, Key: opt.Key}
	if o.Port == 0 {
		o.Port = l.Number
	}
	if m.lacp == nil {
		m.lacp = b.group.Join(o)
	}
	m.lacp.SetOptions(o, now)
	if changed {
		m.lacp.CarrierChanged(now)
	}
}

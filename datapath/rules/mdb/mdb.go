// Package mdb is the multicast database of a bridge: behind which ports hosts listen to which group in which
// VLAN, and behind which ports there are multicast routers (RFC 4541).
//
// It decides nothing about packets. It is bounded: a full table makes room by forgetting what was said longest
// ago on the port that listens to most groups, so that a port which reports thousands of groups loses its own
// and not those of others.
//
// What an operation changed is added to Changes, for whoever has cached decisions made from it.
//
// Thread-safety: all methods may be called at the same time. Memory: memberships and groups live in slabs
// without pointers that grow to the capacity and are used again; a report that changes nothing allocates
// nothing.
package mdb

import (
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// Limits of Open vSwitch (ovs-vswitchd.conf.db(5): other_config:mcast-snooping-table-size,
// mcast-snooping-aging-time).
const (
	DefaultCapacity = 2048
	MinCapacity     = 10
	MaxCapacity     = 1_000_000

	DefaultAgeing = 300 * time.Second
	MinAgeing     = 15 * time.Second
	MaxAgeing     = 3600 * time.Second
)

// RouterAgeing is how long a port counts as a router's after the last query, as with Open vSwitch.
const RouterAgeing = 180 * time.Second

// none ends a list.
const none int32 = -1

// A Key is a group in a VLAN.
type Key struct {
	VLAN  uint16
	Group [16]byte // of IPv4 as an IPv6 address: ::ffff:239.1.1.1
}

// String returns the key as vlan/group.
func (k Key) String() string { return fmt.Sprintf("%d/%v", k.VLAN, k.Addr()) }

// Addr returns the group's address.
func (k Key) Addr() netip.Addr { return netip.AddrFrom16(k.Group).Unmap() }

// Reserved reports whether packets to the group go everywhere, whoever listens: 224.0.0.0/24 (RFC 4541
// section 2.1.2) and ff02::1 (section 3).
func Reserved(group [16]byte) bool {
	a := netip.AddrFrom16(group).Unmap()
	if a.Is4() {
		v4 := a.As4()
		return v4[0] == 224 && v4[1] == 0 && v4[2] == 0
	}
	return a == netip.IPv6LinkLocalAllNodes()
}

// Options bound a table. Zero values mean the defaults.
type Options struct {
	Capacity int           // groups, MinCapacity to MaxCapacity
	Ageing   time.Duration // what no report has confirmed for that long is forgotten, MinAgeing to MaxAgeing
}

// Check fills in defaults and refuses what is out of range.
func (o *Options) Check() error {
	if o.Capacity == 0 {
		o.Capacity = DefaultCapacity
	}
	if o.Ageing == 0 {
		o.Ageing = DefaultAgeing
	}
	if o.Capacity < MinCapacity || o.Capacity > MaxCapacity {
		return fmt.Errorf("multicast table size %d: expected %d to %d", o.Capacity, MinCapacity, MaxCapacity)
	}
	if o.Ageing < MinAgeing || o.Ageing > MaxAgeing {
		return fmt.Errorf("multicast ageing time %v: expected %v to %v", o.Ageing, MinAgeing, MaxAgeing)
	}
	return nil
}

// Changes is what operations have changed.
type Changes struct {
	Groups  []Key    // who listens to them
	Routers []uint16 // VLANs: where the routers are
}

// Any reports whether anything has changed.
func (c *Changes) Any() bool { return len(c.Groups)+len(c.Routers) > 0 }

// Counts is what a table has done. The numbers never go back.
type Counts struct {
	Learned uint64 // memberships
	Expired uint64 // memberships that were not confirmed in time
	Evicted uint64 // memberships that made room
}

// A Table is a multicast database.
type Table struct {
	mu      sync.Mutex
	opt     Options
	index   map[Key]int32 // groups
	groups  []group
	free    int32 // first unused group, linked by first
	members members
	routers map[uint16][]router // by VLAN
	counts  Counts
}

// group is a group that somebody listens to.
type group struct {
	key   Key
	first int32 // of its memberships
}

// router is a port behind which a multicast router is.
type router struct {
	port uint32
	used int64 // ns: its last query
}

// New returns an empty table.
func New(o Options) (*Table, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	return &Table{opt: o, index: make(map[Key]int32), free: none, members: newMembers(), routers: make(map[uint16][]router)}, nil
}

// SetOptions changes the limits. What no longer fits is forgotten.
func (t *Table) SetOptions(o Options, c *Changes) error {
	if err := o.Check(); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.opt = o
	for len(t.index) > o.Capacity {
		t.evict(c)
	}
	return nil
}

// Len returns the number of groups.
func (t *Table) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.index)
}

// Counts returns what the table has done so far.
func (t *Table) Counts() Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts
}

// Members appends to ports those behind which somebody listens to a group. ok is false if nobody does
// anywhere.
func (t *Table) Members(key Key, ports []uint32) (_ []uint32, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	g, ok := t.index[key]
	if !ok {
		return ports, false
	}
	for i := t.groups[g].first; i != none; i = t.members.slab[i].next {
		ports = append(ports, t.members.slab[i].port)
	}
	return ports, true
}

// Routers appends to ports those behind which there are routers in a VLAN.
func (t *Table) Routers(vlan uint16, ports []uint32) []uint32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.routers[vlan] {
		ports = append(ports, r.port)
	}
	return ports
}

// Package fdb is the MAC learning table of a bridge: which address in which VLAN was last seen behind
// which port.
//
// It decides nothing about packets. It is bounded: a full table makes room by forgetting the address
// that was unused longest on the port that has most of them, so that a port which shows thousands of
// addresses loses its own and not those of others (as OVS does, lib/mac-learning.h).
//
// What an operation changed is in its result, for whoever has cached decisions made from it.
//
// Thread-safety: all methods may be called at the same time. Memory: entries live in one slab without
// pointers that grows to the capacity and is used again; refreshing an address allocates nothing.
package fdb

import (
	"fmt"
	"sync"
	"time"
)

// Limits of Open vSwitch (ovs-vswitchd.conf.db(5): other_config:mac-table-size, mac-aging-time).
const (
	DefaultCapacity = 8192
	MinCapacity     = 10
	MaxCapacity     = 1_000_000

	DefaultAgeing = 300 * time.Second
	MinAgeing     = 15 * time.Second
	MaxAgeing     = 3600 * time.Second
)

// none ends a list of entries.
const none int32 = -1

// A Key is an address in a VLAN: the VLAN in the upper 16 bits, the address as a number below.
type Key uint64

// MakeKey returns the key of mac in vlan.
func MakeKey(vlan uint16, mac [6]byte) Key {
	k := Key(vlan) << 48
	for i, b := range mac {
		k |= Key(b) << (40 - 8*i)
	}
	return k
}

// VLAN returns the VLAN, 0 to 4095.
func (k Key) VLAN() uint16 { return uint16(k >> 48) }

// MAC returns the address.
func (k Key) MAC() (mac [6]byte) {
	for i := range mac {
		mac[i] = byte(k >> (40 - 8*i))
	}
	return mac
}

// group reports whether the address is a multicast or broadcast one (IEEE 802, I/G bit).
func (k Key) group() bool { return k>>40&1 != 0 }

// String returns the key as vlan/mac.
func (k Key) String() string {
	m := k.MAC()
	return fmt.Sprintf("%d/%02x:%02x:%02x:%02x:%02x:%02x", k.VLAN(), m[0], m[1], m[2], m[3], m[4], m[5])
}

// Options bound a table. Zero values mean the defaults.
type Options struct {
	Capacity int           // entries, MinCapacity to MaxCapacity
	Ageing   time.Duration // an address unused that long is forgotten, MinAgeing to MaxAgeing
}

// check fills in defaults and refuses what is out of range.
func (o *Options) check() error {
	if o.Capacity == 0 {
		o.Capacity = DefaultCapacity
	}
	if o.Ageing == 0 {
		o.Ageing = DefaultAgeing
	}
	if o.Capacity < MinCapacity || o.Capacity > MaxCapacity {
		return fmt.Errorf("MAC table size %d: expected %d to %d", o.Capacity, MinCapacity, MaxCapacity)
	}
	if o.Ageing < MinAgeing || o.Ageing > MaxAgeing {
		return fmt.Errorf("MAC ageing time %v: expected %v to %v", o.Ageing, MinAgeing, MaxAgeing)
	}
	return nil
}

// entry is one address. prev and next link the entries of one port from the one unused longest to the
// one used last; a static entry is on no such list.
type entry struct {
	key        Key
	used       int64 // ns, monotonic clock
	locked     int64 // ns: until then announcements that may be echoes move it not
	since      int64 // ns: when it came to its port; 0 for a static entry
	prev, next int32
	port       uint32
	static     bool
}

// A Table is a MAC learning table.
type Table struct {
	mu      sync.Mutex
	opt     Options
	index   map[Key]int32
	entries []entry
	free    int32 // first unused entry, linked by next
	ports   usage
	flushed int64 // ns: when entries were last flushed, or one was removed
}

// New returns an empty table.
func New(opt Options) (*Table, error) {
	if err := opt.check(); err != nil {
		return nil, err
	}
	return &Table{opt: opt, index: make(map[Key]int32), free: none, ports: newUsage()}, nil
}

// Options returns the limits in force.
func (t *Table) Options() Options {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.opt
}

// SetOptions changes the limits. It appends to changed the addresses that no longer fit.
func (t *Table) SetOptions(opt Options, changed []Key) ([]Key, error) {
	if err := opt.check(); err != nil {
		return changed, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.opt = opt
	for len(t.index) > opt.Capacity {
		key, ok := t.evict()
		if !ok {
			break // static entries only: what the user wrote stays
		}
		changed = append(changed, key)
	}
	return changed, nil
}

// Len returns the number of entries.
func (t *Table) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.index)
}

// Lookup returns the port that key was learned on.
func (t *Table) Lookup(key Key) (port uint32, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i, ok := t.index[key]
	if !ok {
		return 0, false
	}
	return t.entries[i].port, true
}

// Package gateway is a rule table without OpenFlow: ports are joined into segments, and packets are routed
// between the segments. A segment is switched as a learning switch does; the gateway's own addresses answer
// ARP, neighbour discovery and ping; IPv4 and IPv6 are routed by longest prefix, past a list of rules that
// permit and deny.
//
// What a look-up decides is cached, as any rule table's verdicts are: a packet that is routed, or a ping that
// is answered, costs the workers no more than one that is switched. A verdict rests on as few bits of the
// packet as the routes and rules need.
//
// Not here: fragmentation (who sends a packet that is too long for its way is told, unless it is IPv4's to be cut on
// the way), router advertisements, redirects, dynamic routing, connection state.
//
// Sources: RFC 1812 (requirements for IPv4 routers), RFC 826 (ARP), RFC 1191 (path MTU discovery), RFC 4861 (neighbour
// discovery), RFC 4443 (ICMPv6).
package gateway

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/fdb"
	"github.com/culvertdev/culvert/datapath/tunnel"
	"github.com/culvertdev/culvert/encap/icmp"
	"github.com/culvertdev/culvert/encap/neighbour"
)

var (
	_ rules.Table      = (*Table)(nil)
	_ rules.PortUser   = (*Table)(nil)
	_ rules.Counter    = (*Table)(nil)
	_ rules.SenderUser = (*Table)(nil)
	_ rules.Receiver   = (*Table)(nil)
	_ rules.TunnelUser = (*Table)(nil)
)

// Options are the settings of a gateway that are not its configuration. Zero values mean the defaults.
type Options struct {
	MACTableSize int           // Ethernet addresses that segments learn, all together
	MACAgeing    time.Duration // how long one without traffic is remembered
	// Clock returns the time in ns on the clock of rules.Query.Now.
	Clock func() int64
	// Seed keys the table's hashes; 0: a random one.
	Seed uint64
}

// A Table is the rule table of one gateway. New makes one.
//
// Thread-safety: all methods may be called at the same time.
type Table struct {
	salt       uint64
	clock      func() int64
	stations   *fdb.Table // by segment, where an fdb has the VLAN
	neighbours *neighbour.Table
	errors     icmp.Limit
	tally      tally
	log        changeLog
	waiting    tunnel.Waiting

	tunnellings, hearings sync.Pool // of *tunnelling, *hearing

	mu         sync.RWMutex
	ports      []rules.Port
	sender     rules.Sender // nil: none yet
	state      *state
	generation uint64  // of the configuration
	counts     []count // by rule of the ACL
}

// A count is what a rule of the ACL has decided.
type count struct{ packets, bytes atomic.Uint64 }

// New returns a gateway.
func New(c Config, o Options) (*Table, error) {
	f, err := fdb.New(fdb.Options{Capacity: o.MACTableSize, Ageing: o.MACAgeing})
	if err != nil {
		return nil, err
	}
	if o.Seed == 0 {
		o.Seed = rand.Uint64()
	}
	t := &Table{salt: o.Seed, clock: o.Clock, stations: f, neighbours: neighbour.New(neighbourOptions()), state: newState(Config{}, nil)}
	t.tunnellings.New = func() any { return new(tunnelling) }
	t.hearings.New = func() any { return new(hearing) }
	return t, t.SetConfig(c)
}

// SetOptions changes the settings, the clock excepted.
func (t *Table) SetOptions(o Options) error {
	changed, err := t.stations.SetOptions(fdb.Options{Capacity: o.MACTableSize, Ageing: o.MACAgeing}, nil)
	t.forgotten(changed)
	return err
}

// SetConfig makes c what the gateway does. Addresses that were learned stay when the interfaces do, and so do
// the counts of rules when the rules do. On an error, which says all that is wrong, nothing changes.
func (t *Table) SetConfig(c Config) error {
	var errs []error
	for _, e := range c.Check() {
		errs = append(errs, e)
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.state.config
	if reflect.DeepEqual(old, c) {
		return nil
	}
	t.state = newState(c, t.ports)
	moved := !reflect.DeepEqual(old.Interfaces, c.Interfaces)
	if moved {
		t.stations.Flush(fdb.Filter{Statics: true}, t.clock(), nil)
	}
	known := make(map[neighbour.Host][6]byte)
	for _, n := range c.Neighbours {
		known[neighbour.Host{Link: uint16(c.reaches(n.Address)), Addr: n.Address}] = n.MAC
	}
	t.neighbours.Fix(known, moved)
	if !slices.Equal(old.ACL, c.ACL) {
		t.generation++
		t.counts = make([]count, len(c.ACL))
	}
	t.log.everything()
	return nil
}

// SetPorts implements rules.PortUser.
func (t *Table) SetPorts(list []rules.Port) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.ports {
		id := t.ports[i].ID
		if !slices.ContainsFunc(list, func(p rules.Port) bool { return p.ID == id && p.Name == t.ports[i].Name }) {
			t.stations.Flush(fdb.Filter{Port: id, OnPort: true, Statics: true}, t.clock(), nil)
			t.waiting.Forget(id)
		}
	}
	t.ports = list
	t.state = newState(t.state.config, list)
	t.log.everything()
}

// SetSender implements rules.SenderUser.
func (t *Table) SetSender(s rules.Sender) {
	t.mu.Lock()
	t.sender = s
	t.mu.Unlock()
}

// Expire lets addresses age to now: those unused are forgotten, and neighbours in use asked again. Call it
// about once a second.
func (t *Table) Expire(now int64) {
	t.forgotten(t.stations.Expire(now, nil))
	t.waiting.Expire(now)
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, a := range t.neighbours.Age(now, nil) {
		if a.Changed {
			t.log.changed(t.hostTag(a.Host))
		}
		if a.Ask {
			t.ask(a.Host)
		}
	}
}

func (t *Table) forgotten(keys []fdb.Key) {
	for _, k := range keys {
		t.log.changed(t.stationTag(k))
	}
}

// host returns the place of an address in a segment.
func (seg *segment) host(addr netip.Addr) neighbour.Host {
	return neighbour.Host{Link: seg.index, Addr: addr}
}

// neighbourOptions are the bounds of the table of neighbours, and its times (RFC 4861 section 10, where it has them).
func neighbourOptions() neighbour.Options {
	return neighbour.Options{
		Max: 16384, MaxAsked: 1024,
		Tries:     3,                // MAX_MULTICAST_SOLICIT
		AskAgain:  time.Second,      // RETRANS_TIMER
		Fresh:     30 * time.Second, // REACHABLE_TIME
		Probe:     time.Second,
		FailedFor: 5 * time.Second,
		UnusedFor: 10 * time.Minute,
	}
}

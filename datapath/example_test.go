package datapath_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/pmd/memport"
	"github.com/culvertdev/culvert/ring/frame"
)

// docs/rule-tables.md shows parts of this file; a test holds it to them.

// A guard stands between two ports. It lets ARP through, and UDP to the ports that are open.
type guard struct {
	mu      sync.RWMutex
	ports   []rules.Port
	open    map[uint64]uint64 // UDP port -> packets let through
	changes []rules.Change
}

// Tags of what a guard's verdicts depend on.
const (
	openTag  = 1 << iota // which UDP ports are open
	portsTag             // which ports the bridge has
)

// Lookup decides about a packet that no cache knows.
func (g *guard) Lookup(q *rules.Query, v *rules.Verdict) error {
	g.mu.RLock()
	defer g.mu.RUnlock()
	v.Mask.SetExact(flow.FieldEthType)
	switch q.Key.Uint(flow.FieldEthType) {
	case 0x0806: // ARP
		g.pass(q, v)
	case 0x0800: // IPv4
		v.Mask.SetExact(flow.FieldIPProto)
		if q.Key.Uint(flow.FieldIPProto) != 17 {
			return nil
		}
		v.Mask.SetExact(flow.FieldUDPDst)
		port := q.Key.Uint(flow.FieldUDPDst)
		v.Tags |= openTag
		if _, open := g.open[port]; open {
			v.Trail = append(v.Trail, port)
			g.pass(q, v)
		}
	}
	return nil // no action: dropped, and counted
}

// pass sends the packet to the port it did not come from.
func (g *guard) pass(q *rules.Query, v *rules.Verdict) {
	v.Tags |= portsTag
	for _, p := range g.ports {
		if uint64(p.ID) != q.Key.Uint(flow.FieldInPort) {
			v.Actions.Output(p.ID)
		}
	}
}

// SetPorts hears which ports there are.
func (g *guard) SetPorts(ports []rules.Port) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ports = ports
	g.changes = append(g.changes, rules.Change{Tag: portsTag})
}

// Open lets UDP packets to a port through. Whoever calls it calls Switch.Sync afterwards.
func (g *guard) Open(port uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open[port] = 0
	var m flow.Match
	m.SetUint(flow.FieldEthType, 0x0800)
	m.SetUint(flow.FieldIPProto, 17)
	m.SetUint(flow.FieldUDPDst, port)
	g.changes = append(g.changes, rules.Change{Tag: openTag, Match: &m})
}

// Changes says what has changed since a version; versions count from 1.
func (g *guard) Changes(since uint64, c *rules.ChangeSet) uint64 {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if since == 0 {
		c.All = true
	} else {
		c.Changes = append(c.Changes, g.changes[since-1:]...)
	}
	return uint64(len(g.changes)) + 1
}

// Credit counts what passed, the packets that the caches have answered for included.
func (g *guard) Credit(trail []uint64, packets, bytes uint64, lastUsed int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, port := range trail {
		g.open[port] += packets
	}
}

// A switch as a library: memory ports whose other ends are Go code, and a rule table of one's own.
func Example() {
	pool, _ := frame.NewPool(frame.Options{})
	sw, _ := datapath.New(datapath.Options{Pool: pool})
	table := &guard{open: map[uint64]uint64{9: 0}}
	_ = sw.Apply(context.Background(), datapath.Config{Bridges: []datapath.BridgeConfig{{Name: "br0", Table: table}}})
	var peers []*memport.Peer
	for _, name := range []string{"outside", "inside"} {
		port, _ := memport.Open(name, memport.Options{Pool: pool})
		_ = sw.AddDevice("br0", datapath.PortConfig{Name: name}, port)
		peers = append(peers, port.Peer())
	}

	peers[0].SendBytes(datagram(9, "one"), datagram(9, "two"))
	fmt.Println("inside got", until(peers[1], "two"))
	peers[0].SendBytes(datagram(53, "three"))
	table.Open(53)
	sw.Sync() // no packet is handled by the old rules from here on
	peers[0].SendBytes(datagram(53, "four"))
	until(peers[1], "four")
	sw.Sync() // and everything that passed is counted
	fmt.Println("to port 9:", table.open[9])
	fmt.Println(sw.Close(), peers[0].Close(), peers[1].Close(), pool.Close())
	// Output:
	// inside got [one two]
	// to port 9: 2
	// <nil> <nil> <nil> <nil>
}

// datagram returns an Ethernet frame with a UDP packet.
func datagram(port byte, text string) []byte {
	b := []byte("\x02\x00\x00\x00\x00\x02\x02\x00\x00\x00\x00\x01\x08\x00" +
		"\x45\x00\x00\x00\x00\x00\x40\x00\x40\x11\x00\x00\x0a\x00\x00\x01\x0a\x00\x00\x02" + "\x03\xe8\x00\x00\x00\x00\x00\x00" + text)
	b[17], b[37], b[39] = byte(28+len(text)), port, byte(8+len(text))
	return b
}

// until returns the texts of the packets that arrive, up to a certain one.
func until(p *memport.Peer, last string) (texts []string) {
	for {
		for _, b := range p.RecvBytes() {
			texts = append(texts, string(b[42:]))
			if texts[len(texts)-1] == last {
				return texts
			}
		}
		time.Sleep(time.Millisecond)
	}
}

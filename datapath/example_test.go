package datapath_test

import (
	"context"
	"fmt"
	"time"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/pmd/memport"
	"github.com/culvertdev/culvert/ring/frame"
)

// guard lets nothing through but ARP and UDP to one port, from anywhere to port 2.
type guard struct{ udp uint64 }

func (g guard) Lookup(q *rules.Query, v *rules.Verdict) error {
	// What was looked at goes into the mask: the caches apply the verdict to all packets like this.
	v.Mask.SetExact(flow.FieldEthType)
	switch q.Key.Uint(flow.FieldEthType) {
	case 0x0806:
		v.Actions.Output(2)
	case 0x0800:
		v.Mask.SetExact(flow.FieldIPProto)
		v.Mask.SetExact(flow.FieldUDPDst)
		if q.Key.Uint(flow.FieldIPProto) == 17 && q.Key.Uint(flow.FieldUDPDst) == g.udp {
			v.Actions.Output(2)
		}
	}
	return nil // no action: dropped, and counted
}
func (guard) Changes(since uint64, c *rules.ChangeSet) uint64 { c.All = since == 0; return 1 }
func (guard) Credit([]uint64, uint64, uint64, int64)          {}

// A switch as a library: memory ports whose other ends are Go code, and a rule table of one's own.
func Example() {
	pool, _ := frame.NewPool(frame.Options{})
	sw, _ := datapath.New(datapath.Options{Pool: pool})
	_ = sw.Apply(context.Background(), datapath.Config{Bridges: []datapath.BridgeConfig{{Name: "br0", Table: guard{udp: 9}}}})
	var peers []*memport.Peer
	for _, name := range []string{"outside", "inside"} {
		port, _ := memport.Open(name, memport.Options{Pool: pool})
		_ = sw.AddDevice("br0", datapath.PortConfig{Name: name}, port)
		peers = append(peers, port.Peer())
	}
	packet := []byte("\x02\x00\x00\x00\x00\x02\x02\x00\x00\x00\x00\x01\x08\x00" + // Ethernet, IPv4, UDP to port 9
		"\x45\x00\x00\x1e\x00\x00\x40\x00\x40\x11\x00\x00\x0a\x00\x00\x01\x0a\x00\x00\x02\x03\xe8\x00\x09\x00\x0a\x00\x00hi")
	peers[0].SendBytes(packet)
	got := peers[1].RecvBytes()
	for ; len(got) == 0; got = peers[1].RecvBytes() {
		time.Sleep(time.Millisecond)
	}
	fmt.Printf("inside got %q\n", got[0][42:])
	fmt.Println(sw.Close(), peers[0].Close(), peers[1].Close(), pool.Close())
	// Output:
	// inside got "hi"
	// <nil> <nil> <nil> <nil>
}

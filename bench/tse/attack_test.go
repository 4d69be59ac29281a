package main

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/traffic"
	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules/openflow"
	"github.com/culvertdev/culvert/pmd/memport"
	"github.com/culvertdev/culvert/ring/frame"
)

func TestCraftedHeadersAreWhatTheyAreCalled(t *testing.T) {
	frames, err := crafted(net.HardwareAddr{2, 0, 0, 0, 0, 1}, net.HardwareAddr{2, 0, 0, 0, 0, 2}, 4096, 1)
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[[2]int]int) // by the first bit that departs, of both addresses
	for i, f := range frames {
		from, to := allowedFrom.As4(), allowedTo.As4()
		a := binary.BigEndian.Uint32(f[atFrom:]) ^ binary.BigEndian.Uint32(from[:])
		b := binary.BigEndian.Uint32(f[atTo:]) ^ binary.BigEndian.Uint32(to[:])
		sport, dport := binary.BigEndian.Uint16(f[atUDP:]), binary.BigEndian.Uint16(f[atUDP+2:])
		if a == 0 || b == 0 || sport == allowedSource || dport == allowedPort {
			t.Fatalf("frame %d is allowed", i)
		}
		seen[[2]int{leading(a), leading(b)}]++
	}
	if len(seen) < 900 {
		t.Errorf("frames depart from the allowed addresses in %d ways of 1024", len(seen))
	}
}

func leading(v uint32) int {
	n := 0
	for ; v>>31 == 0; v <<= 1 {
		n++
	}
	return n
}

// attacked is a small switch under attack, in memory.
type attacked struct {
	t     *testing.T
	sw    *datapath.Switch
	peers []*memport.Peer
}

func newAttacked(t *testing.T) *attacked {
	t.Helper()
	pool, err := frame.NewPool(frame.Options{Buffers: 16384})
	if err != nil {
		t.Fatal(err)
	}
	sw, err := datapath.New(datapath.Options{Pool: pool, SlowPath: datapath.SlowPath{Revalidate: 50 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	a := &attacked{t: t, sw: sw}
	t.Cleanup(func() {
		if err := sw.Close(); err != nil {
			t.Error(err)
		}
		for _, p := range a.peers {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	})
	table, err := openflow.New(openflow.Options{})
	if err != nil {
		t.Fatal(err)
	}
	list, err := openflow.ParseFlows(strings.NewReader(strings.Join(accessList(victimBeside, victimBehind), "\n")), "rules")
	if err != nil {
		t.Fatal(err)
	}
	if err := table.AddFlows(list); err != nil {
		t.Fatal(err)
	}
	if err := sw.Apply(context.Background(), datapath.Config{Bridges: []datapath.BridgeConfig{{Name: "br0", Table: table}}}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"p1", "p2", "p3", "p4"} {
		port, err := memport.Open(name, memport.Options{Pool: pool, RingSize: 4096})
		if err != nil {
			t.Fatal(err)
		}
		a.peers = append(a.peers, port.Peer())
		if err := sw.AddDevice("br0", datapath.PortConfig{Name: name}, port); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

var (
	victimBeside = netip.MustParseAddr("10.77.0.2")
	victimBehind = netip.MustParseAddr("10.77.0.1")
)

// receive waits for n packets out of a port and returns how many came.
func (a *attacked) receive(port, n int) (got int) {
	for end := time.Now().Add(5 * time.Second); got < n && time.Now().Before(end); time.Sleep(20 * time.Microsecond) {
		got += len(a.peers[port].RecvBytes())
	}
	return got
}

// Rounds of crafted packets and of the victims' alternate, so that nothing is lost for want of time: what is
// measured is what the attack leaves in the caches.
func TestVictimsGetThroughAndLookUpsStayBounded(t *testing.T) {
	a := newAttacked(t)
	nobody := net.HardwareAddr{2, 0, 0, 0, 0, 9}
	attack, err := crafted(net.HardwareAddr{2, 0, 0, 0, 0, 1}, nobody, 20_000, 5)
	if err != nil {
		t.Fatal(err)
	}
	to := traffic.Endpoint{MAC: nobody, Addr: netip.MustParseAddr("10.77.0.9")}
	one, err1 := victims(traffic.Endpoint{MAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, Addr: victimBeside}, to, flows, 10, 20_000, 1)
	two, err2 := victims(traffic.Endpoint{MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, Addr: victimBehind}, to, flows, 10, 20_000, 2)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	const batch = 200
	for i := 0; i < len(attack); i += batch {
		a.peers[uplink].SendBytes(attack[i : i+batch]...)
		a.peers[uplink].SendBytes(two[i : i+batch]...)
		a.peers[beside].SendBytes(one[i : i+batch]...)
		if got := a.receive(fromBeside, batch); got != batch {
			t.Fatalf("round %d: %d of %d packets of the victim beside came", i/batch, got, batch)
		}
		if got := a.receive(fromBehind, batch); got < batch { // a crafted packet may bear its address, too
			t.Fatalf("round %d: %d of %d packets of the victim behind came", i/batch, got, batch)
		}
	}
	for _, p := range a.sw.PortFlows() {
		t.Logf("%s: %d flows, %d masks, %.1f masks a look-up, %d narrowed", p.Name, p.Flows, p.Masks, float64(p.Probes)/float64(max(p.Lookups, 1)), p.Narrowed)
		if p.Masks > p.MaskLimit+2 {
			t.Errorf("%s: %d masks, want at most %d and two", p.Name, p.Masks, p.MaskLimit)
		}
		if p.Probes > p.Lookups*uint64(p.MaskLimit+2) {
			t.Errorf("%s: %d look-ups under %d masks", p.Name, p.Lookups, p.Probes)
		}
	}
	if p := a.sw.PortFlows()[uplink]; p.Narrowed == 0 {
		t.Error("the attack did not bring its port to the limit of masks: it tests nothing")
	}
	if p := a.sw.PortFlows()[beside]; p.Narrowed != 0 || p.Masks > 4 {
		t.Errorf("the port beside has %d masks and %d narrowed flows, want it untouched", p.Masks, p.Narrowed)
	}
}

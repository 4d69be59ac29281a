package datapath_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules/openflow"
)

// newFlowLab starts a switch with ports a to e, 1 to 5, whose bridge has these groups and flows.
func newFlowLab(t *testing.T, groups, flows string) (*lab, *openflow.Table) {
	t.Helper()
	table, err := openflow.New(openflow.Options{})
	if err != nil {
		t.Fatal(err)
	}
	list, err := openflow.Parser{}.ParseGroups(strings.NewReader(groups), "groups")
	if err != nil {
		t.Fatal(err)
	}
	if err := table.AddGroups(list); err != nil {
		t.Fatal(err)
	}
	rules, err := openflow.ParseFlows(strings.NewReader(flows), "flows")
	if err != nil {
		t.Fatal(err)
	}
	if err := table.AddFlows(rules); err != nil {
		t.Fatal(err)
	}
	return newLab(t, datapath.Options{}, table, "a", "b", "c", "d", "e"), table
}

// withLabel returns a packet with an MPLS label in front of its IP header.
func withLabel(p []byte, label uint32, bottom bool) []byte {
	entry := label<<12 | 64
	if bottom {
		entry |= 1 << 8
	}
	q := append(bytes.Clone(p[:12]), 0x88, 0x47)
	q = binary.BigEndian.AppendUint32(q, entry)
	return append(q, p[14:]...)
}

func TestWhatIsBehindALabelIsMatchedAndWritten(t *testing.T) {
	l, table := newFlowLab(t, "", "mpls,actions=pop_mpls:0x0800,resubmit(,1),output:4\n"+
		"table=1,priority=40000,udp,udp_src=7,actions=output:2\ntable=1,ip,actions=mod_nw_ttl:9,output:3")
	for range 3 { // by the slow path, then by the caches
		for port := range uint16(10) {
			plain := udp(t, 1, 2, port, 20)
			l.send("a", withLabel(plain, 5, true))
			out, want := "c", bytes.Clone(plain)
			if port == 7 {
				out = "b"
			} else {
				want[22] = 9 // TTL
				check := binary.BigEndian.Uint16(want[24:])
				check += (64 - 9) << 8
				if check < (64-9)<<8 {
					check++ // one's complement
				}
				binary.BigEndian.PutUint16(want[24:], check)
			}
			for _, out := range []string{out, "d"} {
				if got := l.receive(out, 1)[0]; !bytes.Equal(got, want) {
					t.Fatalf("port %d, out of %s\n got % x\nwant % x", port, out, got, want)
				}
			}
		}
	}
	// One flow for labels; of the second looks one for port 7 and one for each bit in which others differ from it.
	l.sw.Sync()
	if n := l.sw.Stats().Flows.Flows; n > 12 {
		t.Errorf("%d flows are cached", n)
	}
	if rules := table.Flows(openflow.AllFlows()); rules[0].Packets != 30 {
		t.Errorf("the first rule counted %d packets, want 30", rules[0].Packets)
	}
}

func TestASelectGroupKeepsConnectionsTogetherInFewFlows(t *testing.T) {
	l, table := newFlowLab(t, "group_id=1,type=select,bucket=output:2,bucket=output:3,bucket=weight:2,output:4", "actions=group:1")
	const connections, rounds = 400, 3
	where := make(map[uint16]string)
	for range rounds {
		for port := range uint16(connections) {
			l.send("a", udp(t, 1, 2, port, 20))
		}
		seen := 0
		waitUntil(t, "all packets", func() bool {
			for _, name := range []string{"b", "c", "d"} {
				for _, p := range l.peers[name].RecvBytes() {
					port := binary.BigEndian.Uint16(p[34:])
					if was, ok := where[port]; ok && was != name {
						t.Fatalf("connection %d went to %s, was at %s", port, name, was)
					}
					where[port] = name
					seen++
				}
			}
			return seen == connections
		})
	}
	count := make(map[string]int)
	for _, name := range where {
		count[name]++
	}
	if count["b"] < 70 || count["c"] < 70 || count["d"] < 150 {
		t.Errorf("connections went %v, want about 100, 100, 200", count)
	}
	l.sw.Sync()
	if n := l.sw.Stats().Flows.Flows; n > 257 {
		t.Errorf("%d flows are cached, want one for each slot and one to hash at most", n)
	}
	g := table.Groups()[0]
	total := uint64(0)
	for i, k := range g.Buckets {
		total += k.Packets
		if want := uint64(rounds * count[[]string{"b", "c", "d"}[i]]); k.Packets != want {
			t.Errorf("bucket %d counted %d packets, want %d", i, k.Packets, want)
		}
	}
	if g.Packets != connections*rounds || total != g.Packets {
		t.Errorf("the group counted %d packets, its buckets %d, want %d", g.Packets, total, connections*rounds)
	}
}

func TestLongPacketsAreToldFromShortOnes(t *testing.T) {
	l, _ := newFlowLab(t, "", "actions=check_pkt_larger(100)->NXM_NX_REG0[0],resubmit(,1)\ntable=1,reg0=0,actions=2\ntable=1,reg0=1,actions=3")
	for range 3 {
		for size := 90; size <= 110; size++ {
			p := udp(t, 1, 2, 7, size-42)
			l.send("a", p)
			out := "b"
			if len(p) > 100 {
				out = "c"
			}
			l.receive(out, 1)
		}
	}
	l.sw.Sync()
	if n := l.sw.Stats().Flows.Flows; n != 3 {
		t.Errorf("%d flows are cached, want 3", n)
	}
}

package gateway

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/encap/icmp"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// threeWays is twoNets with a route by three routers, two of them behind one interface.
func threeWays() Config {
	c := twoNets()
	c.Routes = []Route{{To: pre("10.9.0.0/16"), Via: []netip.Addr{ip("10.0.2.254"), ip("10.0.2.253"), ip("10.0.1.253")}}}
	c.Neighbours = nil
	c.ACL = []Rule{{Permit: true}}
	return c
}

// hashed looks a packet up that has come back with a hash.
func (b *bench) hashed(port uint32, pkt []byte, hash uint64, live bool) *rules.Verdict {
	b.Helper()
	v, k := new(rules.Verdict), b.key(port, pkt)
	k.SetUint(flow.FieldRecircID, hashedID)
	k.SetUint(flow.FieldDPHash, hash)
	q := &rules.Query{Key: k, Now: b.now, Live: live}
	if live {
		q.Packet, q.Size = pkt, len(pkt)
	}
	if err := b.Lookup(q, v); err != nil {
		b.Fatal(err)
	}
	return v
}

// shares returns how many of the slots go to which Ethernet address, or why they are dropped.
func (b *bench) shares(pkt []byte) map[string]int {
	count := make(map[string]int)
	for slot := range uint64(hashSlots) {
		text := text(b.hashed(1, pkt, slot|0xabc<<20, false))
		to, _, _ := strings.Cut(strings.TrimPrefix(text, "set(dl_dst=02:00:00:00:00:"), ")")
		count[to]++
	}
	return count
}

func TestFlowsAreSharedOutAmongRouters(t *testing.T) {
	b := newBench(t, threeWays())
	pkt := udp(mac(0xa1), mac(1), "10.0.1.2", "10.9.1.1", 64, 9)
	b.want(b.see(1, pkt), fmt.Sprintf("hash(l4(0)),recirc(%#x)", uint32(hashedID)))
	if got := b.Rules()[0].Packets; got != 0 {
		t.Errorf("the rule counted %d packets that come back", got)
	}
	b.want(b.hashed(1, pkt, 0, true), "drop(neighbour_unresolved)")
	b.sends("push_vlan(vid=20,pcp=0),output:3 a2>ff arp 1 10.0.2.1>10.0.2.254", "push_vlan(vid=20,pcp=0),output:3 a2>ff arp 1 10.0.2.1>10.0.2.253",
		"output:1,output:2 a1>ff arp 1 10.0.1.1>10.0.1.253")
	answers := func(port uint32, n byte, addr, own string) {
		p := arp(mac(0xa1), 2, mac(n), addr, own)
		if port == 3 {
			p = tagged(20, arp(mac(0xa2), 2, mac(n), addr, own))
		}
		b.see(port, p)
	}
	// As soon as one answers all go by it, those that hash to another included.
	answers(3, 0x11, "10.0.2.254", "10.0.2.1")
	if got := b.shares(pkt); got["11"] != hashSlots {
		t.Errorf("with one router: %v", got)
	}
	answers(3, 0x12, "10.0.2.253", "10.0.2.1")
	answers(1, 0x13, "10.0.1.253", "10.0.1.1")
	shares := b.shares(pkt)
	for _, to := range []string{"11", "12", "13"} {
		if n := shares[to]; n < hashSlots*30/100 || n > hashSlots*37/100 {
			t.Errorf("%d of %d slots go to %s, want about a third", n, hashSlots, to)
		}
	}
	v := b.hashed(1, pkt, 5, false)
	if got := v.Mask.Uint(flow.FieldDPHash); got != hashSlots-1 {
		t.Errorf("%#x of the hash counts, want %#x", got, hashSlots-1)
	}
	if v.Mask.Any(flow.FieldUDPDst) || v.Mask.Any(flow.FieldIPSrc) && v.Mask.Exact(flow.FieldIPSrc) {
		t.Errorf("the verdict rests on more than it must: %s", (&flow.Match{Mask: v.Mask}).String())
	}
}

func TestWhatWentByARouterThatFailsIsSharedOut(t *testing.T) {
	c := threeWays()
	c.Neighbours = []Neighbour{{ip("10.0.2.254"), mac(0x11)}, {ip("10.0.2.253"), mac(0x12)}, {ip("10.0.1.253"), mac(0x13)}}
	b := newBench(t, c)
	pkt := udp(mac(0xa1), mac(1), "10.0.1.2", "10.9.1.1", 64, 9)
	before := make([]string, hashSlots)
	for slot := range before {
		before[slot] = text(b.hashed(1, pkt, uint64(slot), false))
	}
	version := b.Changes(0, new(rules.ChangeSet))
	tags := b.hashed(1, pkt, 0, false).Tags
	c.Neighbours = c.Neighbours[1:] // the first is asked for from now on
	if err := b.SetConfig(c); err != nil {
		t.Fatal(err)
	}
	b.hashed(1, pkt, 0, true)
	for range 5 {
		b.now += second
		b.Expire(b.now)
	}
	moved := map[string]int{}
	for slot, was := range before {
		switch is := text(b.hashed(1, pkt, uint64(slot), false)); {
		case is != was && !strings.Contains(was, "00:11)"):
			t.Fatalf("slot %d: %s, before %s, whose router is still there", slot, is, was)
		case is != was:
			moved[is]++
		case strings.Contains(is, "00:11)"):
			t.Fatalf("slot %d goes by a router that does not answer", slot)
		}
	}
	if len(moved) != 2 {
		t.Errorf("what went by it goes %v, want both others to have some", moved)
	}
	var changes rules.ChangeSet
	if b.Changes(version, &changes); !changes.All && (len(changes.Changes) == 0 || changes.Changes[0].Tag&tags == 0) {
		t.Error("flows that went by it are not told")
	}
}

func TestWhenNoRouterAnswersTheSenderIsTold(t *testing.T) {
	b := newBench(t, threeWays())
	pkt := udp(mac(0xa1), mac(1), "10.0.1.2", "10.9.1.1", 64, 9)
	b.hashed(1, pkt, 0, true)
	for range 4 {
		b.now += second
		b.Expire(b.now)
	}
	b.sent = nil
	b.want(b.hashed(1, pkt, 0, true), "drop(host_unreachable)")
	b.sends("output:1 a1>01 10.0.1.1>10.0.1.2 icmp 003/1")
}

func TestWhatTheGatewayDoesItselfIsCounted(t *testing.T) {
	b := newBench(t, twoNets())
	b.see(1, udp(mac(0xa1), mac(1), "10.0.1.2", "10.0.2.7", 64, 9))
	b.see(3, tagged(20, arp(mac(0xa2), 2, mac(7), "10.0.2.7", "10.0.2.1")))
	for range icmp.Burst + 3 {
		b.see(1, udp(mac(0xa1), mac(1), "10.0.1.2", "10.0.2.7", 1, 9))
	}
	b.SetSender(full{})
	b.now += second
	b.see(1, udp(mac(0xa1), mac(1), "10.0.1.2", "10.0.2.7", 1, 9))
	var got []string
	for _, s := range b.Samples()[:5] {
		got = append(got, fmt.Sprint(s.Name, "=", s.Value))
	}
	want := fmt.Sprintf("[neighbour_asked=1 neighbour_waited=1 icmp_error=%d icmp_error_rate=3 gateway_unsent=1]", icmp.Burst)
	if fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

// full is a switch whose workers have no room.
type full struct{}

func (full) Inject(uint32, []byte, []uint64) error { return rules.ErrBusy }

package tunnel

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/encap/underlay"
	"github.com/culvertdev/culvert/encap/vtep"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// A witness is a Directory, and who knows who is here, that notes what it is told.
type witness struct {
	book
	here, gone []byte // last bytes of guests' addresses
	told       []string
}

func (w *witness) Learns() bool    { return true }
func (w *witness) Announces() bool { return true }
func (w *witness) Shoots() bool    { return true }

func (w *witness) Learn(g vtep.Guest) {
	w.told = append(w.told, fmt.Sprintf("learn %d %v %v at %v", g.VNI, net.HardwareAddr(g.MAC[:]), g.IP, g.End))
}

func (w *witness) Shoot(vni uint32, mac [6]byte, self, to netip.Addr) {
	w.told = append(w.told, fmt.Sprintf("tell %v that %d %v is not at %v", to, vni, net.HardwareAddr(mac[:]), self))
}

func (w *witness) Claim(s Saying) {
	word := "claim"
	if s.Again {
		word = "again"
	}
	w.told = append(w.told, fmt.Sprintf("%s %d %v %v from %d at %d", word, s.VNI, net.HardwareAddr(s.MAC[:]), s.IP, s.Port, s.Used))
}

func (w *witness) Enter(vni uint32, mac [6]byte, port uint32, _ int64) {
	w.told = append(w.told, fmt.Sprintf("enter %d %v from %d", vni, net.HardwareAddr(mac[:]), port))
}

func (w *witness) Has(_ uint32, mac [6]byte) (here, was bool) {
	here = slices.Contains(w.here, mac[5])
	return here, here || slices.Contains(w.gone, mac[5])
}

// newWitnessed returns a port whose profile is w.
func newWitnessed(t *testing.T, w *witness, suppress bool) *bench {
	t.Helper()
	b := newBench(t, encap.VXLAN, "remote_ip=lookup profile=dc key=42", ways{"192.0.2.1": underlay.OK})
	b.set.SetProfiles(map[string]*Profile{"dc": {Directory: w, Guests: w, Suppress: suppress}})
	b.s.Live = true
	return b
}

var (
	guest1, guest2 = [6]byte{2, 0, 0, 0, 0, 1}, [6]byte{2, 0, 0, 0, 0, 2}
	addr1, addr2   = netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	addr6, other6  = netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
)

// knownAs is the answer that an address is that of guest2, behind 192.0.2.1.
func knownAs(mac [6]byte) vtep.Result {
	r := known("192.0.2.1")
	r.Answer.MAC = mac
	return r
}

func TestWhoAsksForAnAddressIsAnsweredHere(t *testing.T) {
	group, groupMAC := wire.SolicitedNode(other6)
	arp := wire.NewARP(wire.Broadcast, wire.ARPRequest, guest1, addr1, [6]byte{}, addr2)
	solicit := wire.NewND(groupMAC, guest1, addr6, group, wire.NDSolicit, 0, other6)
	const arpKey = "arp,dl_src=02:00:00:00:00:01,dl_dst=ff:ff:ff:ff:ff:ff,arp_op=1,arp_sha=02:00:00:00:00:01,arp_spa=10.0.0.1,arp_tpa=10.0.0.2"
	const ndKey = "icmp6,dl_src=02:00:00:00:00:01,dl_dst=33:33:ff:00:00:02,ipv6_src=2001:db8::1,icmp_type=135,nw_ttl=255,nd_target=2001:db8::2"
	for _, c := range []struct {
		name   string
		packet []byte
		key    string
		want   []byte
	}{
		{"ARP", arp, arpKey, wire.NewARP(guest1, wire.ARPReply, guest2, addr2, guest1, addr1)},
		{"ARP in a VLAN", tagged(arp, wire.TypeVLAN, 5), arpKey, tagged(wire.NewARP(guest1, wire.ARPReply, guest2, addr2, guest1, addr1), wire.TypeVLAN, 5)},
		{"neighbour discovery", solicit, ndKey, wire.NewND(guest1, guest2, other6, addr6, wire.NDAdvert, wire.NDSolicited, other6)},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &witness{book: book{vtep.ForIP(42, addr2): knownAs(guest2), vtep.ForIP(42, other6): knownAs(guest2), vtep.ForFlood(42): known("192.0.2.1")}}
			b := newWitnessed(t, w, true).key(c.key)
			if got := b.send(); got != "later[]" { // any packet of the flow's: each is answered by itself
				t.Errorf("a flow of questions: %s", got)
			}
			b.s.Packet = c.packet
			if got := b.send(); got != "" || string(b.s.Reply) != string(c.want) {
				t.Errorf("sent %q and answered\n% x, want\n% x", got, b.s.Reply, c.want)
			}
			origin := flow.Key{flow.Tunnel: b.s.Origin}
			if from := tunnelAddr(&origin, flow.FieldTunSrc, flow.FieldTunIPv6Src); from.String() != "192.0.2.1" || origin.Uint(flow.FieldTunID) != 42 {
				t.Errorf("the answer comes from %v in %d", from, origin.Uint(flow.FieldTunID))
			}
			origin[flow.Base][flow.OffBlocks] = 1<<flow.Base | 1<<flow.Tunnel
			var uses flow.Mask
			if l, _ := b.port.Arrived(&origin, &uses); l != (rules.Lesson{}) {
				t.Errorf("an answer that was made here teaches %+v", l)
			}

			w.book = book{vtep.ForFlood(42): known("192.0.2.1")}
			if got := b.send(); got != "vxlan 192.0.2.9>192.0.2.1 key 42" || b.s.Reply != nil {
				t.Errorf("nobody knows: %s", got)
			}
			w.book[vtep.ForIP(42, addr2)] = vtep.Result{State: vtep.Asked}
			w.book[vtep.ForIP(42, other6)] = vtep.Result{State: vtep.Asked}
			if got := b.send(); got != "later[]" {
				t.Errorf("the answer is on its way: %s", got)
			}
			without := newWitnessed(t, w, false).key(c.key)
			if got := without.send(); got != "vxlan 192.0.2.9>192.0.2.1 key 42" {
				t.Errorf("not asked for: %s", got)
			}
		})
	}
}

func TestWhatIsNoQuestionIsNotAnsweredHere(t *testing.T) {
	for name, key := range map[string]string{
		"an announcement":                            "arp,dl_dst=ff:ff:ff:ff:ff:ff,arp_op=1,arp_spa=10.0.0.2,arp_tpa=10.0.0.2",
		"an ARP probe":                               "arp,dl_dst=ff:ff:ff:ff:ff:ff,arp_op=1,arp_spa=0.0.0.0,arp_tpa=10.0.0.2",
		"an ARP answer":                              "arp,dl_dst=ff:ff:ff:ff:ff:ff,arp_op=2,arp_spa=10.0.0.1,arp_tpa=10.0.0.2",
		"duplicate address detection":                "icmp6,dl_dst=33:33:ff:00:00:02,ipv6_src=::,icmp_type=135,nw_ttl=255,nd_target=2001:db8::2",
		"a solicitation that has come over a router": "icmp6,dl_dst=33:33:ff:00:00:02,ipv6_src=2001:db8::1,icmp_type=135,nw_ttl=254,nd_target=2001:db8::2",
		"a solicitation in fragments":                "icmp6,dl_dst=33:33:ff:00:00:02,ipv6_src=2001:db8::1,nw_frag=first,icmp_type=135,nw_ttl=255,nd_target=2001:db8::2",
		"one for an address of IPv4":                 "icmp6,dl_dst=33:33:ff:00:00:02,ipv6_src=2001:db8::1,icmp_type=135,nw_ttl=255,nd_target=::ffff:10.0.0.2",
		"a ping":                                     "icmp6,dl_dst=33:33:ff:00:00:02,ipv6_src=2001:db8::1,icmp_type=128",
	} {
		w := &witness{book: book{vtep.ForIP(42, addr2): knownAs(guest2), vtep.ForIP(42, other6): knownAs(guest2), vtep.ForFlood(42): known("192.0.2.1")}}
		if got := newWitnessed(t, w, true).key(key).send(); got != "vxlan 192.0.2.9>192.0.2.1 key 42" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestNeighbourDiscoveryBehindAFragmentHeaderIsIgnoredAlsoWhereItIsWhole: RFC 6980 section 5, RFC 6946.
func TestNeighbourDiscoveryBehindAFragmentHeaderIsIgnoredAlsoWhereItIsWhole(t *testing.T) {
	const solicitation = "icmp6,dl_src=02:00:00:00:00:01,dl_dst=33:33:ff:00:00:02,ipv6_src=2001:db8::1,icmp_type=135,nw_ttl=255,nd_target=2001:db8::2"
	w := &witness{book: book{vtep.ForIP(42, other6): knownAs(guest2), vtep.ForFlood(42): known("192.0.2.1")}}
	b := newWitnessed(t, w, true).key(solicitation)
	b.s.Key[flow.Base][flow.OffIPFrag] = flow.FragAtomic
	if got := b.send(); got != "vxlan 192.0.2.9>192.0.2.1 key 42" {
		t.Errorf("a question: %s", got)
	}
	if b.s.Uses[flow.Base][flow.OffIPFrag]&flow.FragAtomic == 0 {
		t.Error("the verdict does not rest on the fragment header: a question without one would go to all")
	}
	uses := flow.Mask{}
	if ip := claimed(b.s.Key, &uses); ip.IsValid() {
		t.Errorf("it claims %v", ip)
	}
	b.s.Key[flow.Base][flow.OffIPFrag] = 0
	if ip := claimed(b.s.Key, &uses); ip.String() != "2001:db8::1" {
		t.Errorf("without the header it claims %v", ip)
	}
}

func TestAGuestOfThisHostAnswersItself(t *testing.T) {
	for name, c := range map[string]struct{ key, end string }{
		"ARP":                 {"arp,dl_dst=ff:ff:ff:ff:ff:ff,arp_op=1,arp_spa=10.0.0.1,arp_tpa=10.0.0.2", "192.0.2.9"},
		"neighbour discovery": {"icmp6,dl_dst=33:33:ff:00:00:02,ipv6_src=2001:db8::1,icmp_type=135,nw_ttl=255,nd_target=2001:db8::2", "2001:db8::9"},
	} {
		own := known(c.end)
		own.Answer.MAC = guest2
		w := &witness{book: book{vtep.ForIP(42, addr2): own, vtep.ForIP(42, other6): own, vtep.ForFlood(42): known("192.0.2.1")}}
		b := newWitnessed(t, w, true).key(c.key)
		b.set.router = ways{"192.0.2.1": underlay.OK, c.end: underlay.Local}
		for _, packet := range [][]byte{nil, wire.NewARP(wire.Broadcast, wire.ARPRequest, guest1, addr1, [6]byte{}, addr2)} {
			b.s.Packet = packet
			if got := b.send(); got != action.OwnEnd.String() || b.s.Reply != nil {
				t.Errorf("%s: %q, answered % x; want %v", name, got, b.s.Reply, action.OwnEnd)
			}
			if b.s.Tags&1 == 0 {
				t.Errorf("%s: the verdict does not rest on the address being our own", name)
			}
		}
	}
}

func TestAGuestIsInTheNetworkThatTheFlowSays(t *testing.T) {
	for _, c := range []struct{ name, key, came, want string }{
		{"a packet", "tun_id=9,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02", "", "[enter 9 02:00:00:00:00:01 from 5]"},
		{"to many", "tun_id=8,dl_src=02:00:00:00:00:01,dl_dst=ff:ff:ff:ff:ff:ff", "", "[enter 8 02:00:00:00:00:01 from 5]"},
		{"from a group", "tun_id=9,dl_src=03:00:00:00:00:01,dl_dst=02:00:00:00:00:02", "", "[]"},
		{"out of a tunnel", "tun_id=9,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02", "tun_id=3,tun_src=192.0.2.7", "[]"},
	} {
		w := &witness{book: book{}}
		b := newBench(t, encap.VXLAN, "remote_ip=lookup profile=dc key=flow", ways{}).key(c.key)
		if c.came != "" {
			b.came(c.came)
		}
		b.s.Came.SetUint(flow.FieldInPort, 5)
		b.set.SetProfiles(map[string]*Profile{"dc": {Directory: w, Guests: w}})
		b.send()
		if len(w.told) != 0 {
			t.Errorf("%s: nobody sends it, but %s", c.name, w.told)
		}
		b.s.Live = true
		b.send()
		if got := fmt.Sprint(w.told); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		if c.want != "[]" && !b.s.Uses.Exact(flow.FieldEthSrc) {
			t.Errorf("%s: the verdict does not rest on who sends it", c.name)
		}
	}
}

func TestGuestsHereSayWhichAddressesTheyHave(t *testing.T) {
	const mac = "dl_src=02:00:00:00:00:01,dl_dst=ff:ff:ff:ff:ff:ff,"
	for _, c := range []struct{ name, key, want string }{
		{"ARP", "arp," + mac + "arp_op=1,arp_sha=02:00:00:00:00:01,arp_spa=10.0.0.1", "claim 42 02:00:00:00:00:01 10.0.0.1 from 5 at 9"},
		{"ARP for another", "arp," + mac + "arp_op=1,arp_sha=02:00:00:00:00:09,arp_spa=10.0.0.1", ""},
		{"ARP probe", "arp," + mac + "arp_op=1,arp_sha=02:00:00:00:00:01,arp_spa=0.0.0.0", ""},
		{"solicitation", "icmp6," + mac + "icmp_type=135,nw_ttl=255,ipv6_src=2001:db8::1,nd_target=2001:db8::2", "claim 42 02:00:00:00:00:01 2001:db8::1 from 5 at 9"},
		{"advertisement", "icmp6," + mac + "icmp_type=136,nw_ttl=255,ipv6_src=2001:db8::1,nd_target=2001:db8::7", "claim 42 02:00:00:00:00:01 2001:db8::7 from 5 at 9"},
		{"advertisement that has come over a router", "icmp6," + mac + "icmp_type=136,nw_ttl=254,ipv6_src=2001:db8::1,nd_target=2001:db8::7", ""},
		{"advertisement of an address of IPv4", "icmp6," + mac + "icmp_type=136,nw_ttl=255,ipv6_src=2001:db8::1,nd_target=::ffff:10.0.0.1", ""},
		{"solicitation with a code that there is not", "icmp6," + mac + "icmp_type=135,icmp_code=1,nw_ttl=255,ipv6_src=2001:db8::1", ""},
		{"solicitation in fragments", "icmp6," + mac + "nw_frag=first,icmp_type=135,nw_ttl=255,ipv6_src=2001:db8::1,nd_target=2001:db8::2", ""},
		{"advertisement in fragments", "icmp6," + mac + "nw_frag=first,icmp_type=136,nw_ttl=255,ipv6_src=2001:db8::1,nd_target=2001:db8::7", ""},
		{"something else", "tcp," + mac + "nw_src=10.0.0.1", ""},
		{"from a group", "arp,dl_src=03:00:00:00:00:01,dl_dst=ff:ff:ff:ff:ff:ff,arp_op=1,arp_sha=03:00:00:00:00:01,arp_spa=10.0.0.1", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &witness{book: book{vtep.ForFlood(42): known("192.0.2.1")}}
			b := newWitnessed(t, w, false).key(c.key)
			b.s.Came.SetUint(flow.FieldInPort, 5)
			b.s.Now = 9
			b.send()
			if got := strings.Join(w.told, "; "); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
			if w.told = nil; c.want != "" {
				b.port.Entered(&b.s.Entry, 11)
				again := strings.Replace(strings.Replace(c.want, "claim", "again", 1), "at 9", "at 11", 1)
				if got := strings.Join(w.told, "; "); got != again {
					t.Errorf("when more packets of the flow have come: %q, want %q", got, again)
				}
			} else if b.s.Entry != (rules.Entry{}) {
				t.Errorf("it is to be heard again that %+v", b.s.Entry)
			}
			if !b.s.Uses.Exact(flow.FieldEthType) || c.want != "" && !b.s.Uses.Exact(flow.FieldEthSrc) {
				t.Error("what was looked at does not count")
			}
			w.told, b.s.Live = nil, false
			b.send()
			b.s.Live = true
			b.came("tun_src=192.0.2.2,tun_dst=192.0.2.9").send()
			if len(w.told) != 0 {
				t.Errorf("without a packet, or one from elsewhere: %q", w.told)
			}
		})
	}
}

func TestPacketsThatComeInShowWhoIsWhereAndWhoHasLeft(t *testing.T) {
	const from = "tun_id=42,tun_src=192.0.2.1,tun_dst=192.0.2.9,dl_src=02:00:00:00:00:01,"
	const learned = "learn 42 02:00:00:00:00:01 invalid IP at 192.0.2.1"
	const shot = "; tell 192.0.2.1 that 42 02:00:00:00:00:02 is not at 192.0.2.9"
	elsewhere := book{vtep.ForMAC(42, guest2): known("192.0.2.3")}
	itself := book{vtep.ForMAC(42, guest2): known("192.0.2.9")}
	flooded := known("192.0.2.3")
	flooded.Flooded = true
	for _, c := range []struct {
		name, key  string
		here, gone string
		knows      book
		want       string
	}{
		{"for a guest that is here", "dl_dst=02:00:00:00:00:02", "\x02", "", elsewhere, learned},
		{"for one that has left", "dl_dst=02:00:00:00:00:02", "", "\x02", nil, learned + shot},
		{"for one that is elsewhere", "dl_dst=02:00:00:00:00:02", "", "", elsewhere, learned + shot},
		{"for one that has not said a word yet", "dl_dst=02:00:00:00:00:02", "", "", itself, learned},
		{"for one that nobody knows", "dl_dst=02:00:00:00:00:02", "", "", book{vtep.ForMAC(42, guest2): flooded}, learned},
		{"for all", "dl_dst=ff:ff:ff:ff:ff:ff", "", "", elsewhere, learned},
		{"ARP", "dl_dst=ff:ff:ff:ff:ff:ff,arp,arp_op=1,arp_sha=02:00:00:00:00:01,arp_spa=10.0.0.1", "", "", nil, "learn 42 02:00:00:00:00:01 10.0.0.1 at 192.0.2.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &witness{book: c.knows, here: []byte(c.here), gone: []byte(c.gone)}
			b := newWitnessed(t, w, false).came(from + c.key)
			var uses flow.Mask
			l, tags := b.port.Arrived(b.s.Came, &uses)
			if tags != profileTag("dc") {
				t.Errorf("tags %#x", tags)
			}
			for _, f := range []flow.FieldID{flow.FieldEthSrc, flow.FieldEthDst, flow.FieldTunSrc, flow.FieldTunDst} {
				if !uses.Exact(f) {
					t.Errorf("%s mattered", f)
				}
			}
			b.port.Heed(&l)
			if got := strings.Join(w.told, "; "); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestNothingIsLearnedFromAPacketThatForbidsIt(t *testing.T) {
	const from = "tun_id=42,tun_src=192.0.2.1,tun_dst=192.0.2.9,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,tun_gbp_flags="
	const learned, shot = "learn 42 02:00:00:00:00:01 invalid IP at 192.0.2.1", "tell 192.0.2.1 that 42 02:00:00:00:00:02 is not at 192.0.2.9"
	for _, c := range []struct{ options, flags, want string }{
		{" exts=gbp", "0x40", shot},
		{" exts=gbp", "0x48", shot},
		{" exts=gbp", "0x08", learned + "; " + shot},
		{"", "0x40", learned + "; " + shot}, // not a group policy's here
	} {
		w := &witness{gone: []byte{2}}
		b := newBench(t, encap.VXLAN, "remote_ip=lookup profile=dc key=42"+c.options, ways{}).came(from + c.flags)
		b.set.SetProfiles(map[string]*Profile{"dc": {Directory: w, Guests: w}})
		var uses flow.Mask
		l, _ := b.port.Arrived(b.s.Came, &uses)
		b.port.Heed(&l)
		if got := strings.Join(w.told, "; "); got != c.want {
			t.Errorf("options%s, flags %s: %q, want %q", c.options, c.flags, got, c.want)
		}
		if uses.Any(flow.FieldTunGBPFlags) != (c.options != "") {
			t.Errorf("options%s: the flags mattered: %v", c.options, uses.Any(flow.FieldTunGBPFlags))
		}
	}
}

func TestATunnelThatAsksNobodyHearsNothing(t *testing.T) {
	b := newBench(t, encap.VXLAN, "remote_ip=flow key=42", ways{}).came("tun_id=42,tun_src=192.0.2.1,tun_dst=192.0.2.9")
	var uses flow.Mask
	if l, tags := b.port.Arrived(b.s.Came, &uses); tags != 0 || l != (rules.Lesson{}) || uses != (flow.Mask{}) {
		t.Errorf("%+v %#x", l, tags)
	}
}

func TestWhoRestsOnAProfileThatChangesIsTold(t *testing.T) {
	s := NewSet(ways{})
	one, two := &Profile{Directory: &witness{}}, &Profile{Directory: &witness{}}
	if got := s.SetProfiles(map[string]*Profile{"a": one}); got != profileTag("a") {
		t.Errorf("a new one: %#x", got)
	}
	if got := s.SetProfiles(map[string]*Profile{"a": {Directory: one.Directory}, "b": two}); got != profileTag("b") {
		t.Errorf("one beside it: %#x", got)
	}
	if got := s.SetProfiles(map[string]*Profile{"a": {Directory: one.Directory, Suppress: true}}); got != profileTag("a")|profileTag("b") {
		t.Errorf("one changed, one gone: %#x", got)
	}
}

func TestAnAnswerInPlaceOfAGuestNeedsAWholeQuestion(t *testing.T) {
	w := &witness{book: book{vtep.ForIP(42, addr2): knownAs(guest2)}}
	b := newWitnessed(t, w, true).key("arp,arp_op=1,arp_spa=10.0.0.1,arp_tpa=10.0.0.2")
	b.s.Packet = wire.NewARP(wire.Broadcast, wire.ARPRequest, guest1, addr1, [6]byte{}, addr2)[:wire.EthernetSize+wire.ARPSize-1]
	var program action.Program
	b.s.Program = &program
	if b.port.Send(&b.s); b.s.Reply != nil || !program.Empty() {
		t.Errorf("answered % x", b.s.Reply)
	}
}

package underlay

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/encap/wire"
)

// asks returns a router's query: of IGMP or, with an IPv6 group, of MLD, with an answer wanted within tenths of a second.
// A group that is unspecified is all groups.
func asks(version uint8, group string, tenths byte) []byte {
	g := ip(group)
	be := binary.BigEndian
	if g.Is4() {
		m := make([]byte, map[uint8]int{1: 8, 2: 8, 3: 12}[version])
		m[0], m[1] = wire.IGMPQuery, tenths
		copy(m[4:], g.AsSlice())
		be.PutUint16(m[2:], wire.Checksum(m))
		b := wire.NewIP([6]byte{1, 0, 0x5e, 0, 0, 1}, mac(0xfe), ip("10.0.0.254"), ip("224.0.0.1"), wire.ProtoIGMP, len(m))
		copy(b[wire.EthernetSize+wire.IPv4Size:], m)
		return b
	}
	m := make([]byte, map[uint8]int{1: 24, 2: 28}[version])
	m[0] = wire.MLDQuery
	be.PutUint16(m[4:], uint16(tenths)*100)
	copy(m[8:], g.AsSlice())
	alert := []byte{wire.ProtoICMPv6, 0, 5, 2, 0, 0, 1, 0}
	b := wire.NewIP([6]byte{0x33, 0x33, 0, 0, 0, 1}, mac(0xfe), ip("fe80::fe"), ip("ff02::1"), wire.ProtoHopOpts, len(alert)+len(m))
	h := b[wire.EthernetSize:]
	h[wire.IPv6HopLimit] = 1
	copy(h[wire.IPv6Size:], append(alert, m...))
	body := h[wire.IPv6Size+len(alert):]
	be.PutUint16(body[2:], ^wire.Fold(wire.Sum(body, wire.PseudoIPv6(h, wire.ProtoICMPv6, len(body)))))
	return b
}

// told returns what a message of ours tells routers, and to whom; "" if it is another packet.
func told(pkt []byte) string {
	m, ok := wire.ParseMembership(pkt)
	if !ok {
		return ""
	}
	dst := netip.AddrFrom4([4]byte(pkt[wire.EthernetSize+wire.IPv4Dst:]))
	if m.V6 {
		dst = netip.AddrFrom16([16]byte(pkt[wire.EthernetSize+wire.IPv6Dst:]))
	}
	group, leaves, _ := m.Next()
	what := "wants"
	if leaves {
		what = "leaves"
	}
	return fmt.Sprintf("%s %v to %v", what, netip.AddrFrom16(group).Unmap(), dst)
}

// A listener is a bench on whose link somebody hears what is said of groups.
type listener struct {
	*bench
	heard []string
}

func newListener(t *testing.T) *listener {
	l := &listener{bench: newBench(t, onePort())}
	l.connect(true)
	return l
}

func (l *listener) connect(up bool) {
	l.SetPort("up", Port{ID: 1, MAC: mac(0xa1), MTU: 1400, Up: up, Send: func(_ uint16, pkt []byte) bool {
		if s := told(pkt); s != "" {
			l.heard = append(l.heard, s)
		}
		return true
	}}, true)
}

// says holds what was heard for some time against what is expected, in any order.
func (l *listener) says(forMS int64, when string, want ...string) {
	l.Helper()
	l.run(forMS)
	got := l.heard
	l.heard = nil
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		l.Errorf("%s: heard\n%s\nwant\n%s", when, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

const (
	wants4, wants6   = "wants 239.1.1.1 to 224.0.0.22", "wants ff3e::7 to ff02::16"
	leaves4, leaves6 = "leaves 239.1.1.1 to 224.0.0.22", "leaves ff3e::7 to ff02::16"
)

func TestGroupsAreJoinedAndLeft(t *testing.T) {
	l := newListener(t)
	groups := []netip.Addr{ip("239.1.1.1"), ip("ff3e::7"), ip("10.0.0.7")} // the last is none
	l.SetGroups(groups)
	l.says(0, "at once", wants4, wants6)
	l.says(2000, "once more", wants4, wants6)
	l.SetGroups(groups)
	l.says(5000, "nothing changes")
	if got := l.Groups(); len(got) != 2 || got[0].Addr != ip("239.1.1.1") || got[0].Port != 1 {
		t.Errorf("the groups are %v", got)
	}
	l.SetGroups(groups[:1])
	l.says(2000, "one is left", leaves6, leaves6)
	l.connect(false)
	l.connect(true)
	l.says(2000, "the link comes back", wants4, wants4)
	l.Leave()
	l.says(2000, "the end", leaves4)
	if got := l.Groups(); len(got) != 0 {
		t.Errorf("behind the end there are %v", got)
	}
}

func TestRoutersQueriesAreAnswered(t *testing.T) {
	for _, c := range []struct {
		name  string
		query []byte
		want  []string
	}{
		{"IGMPv3, all groups", asks(3, "0.0.0.0", 20), []string{wants4, "wants 239.1.1.2 to 224.0.0.22"}},
		{"IGMPv3, one", asks(3, "239.1.1.1", 20), []string{wants4}},
		{"IGMPv3, another", asks(3, "239.9.9.9", 20), nil},
		{"IGMPv2", asks(2, "0.0.0.0", 20), []string{"wants 239.1.1.1 to 239.1.1.1", "wants 239.1.1.2 to 239.1.1.2"}},
		{"MLDv2, all groups", asks(2, "::", 20), []string{wants6}},
		{"MLDv2, one", asks(2, "ff3e::7", 20), []string{wants6}},
		{"MLDv1", asks(1, "::", 20), []string{"wants ff3e::7 to ff3e::7"}},
	} {
		l := newListener(t)
		l.SetGroups([]netip.Addr{ip("239.1.1.1"), ip("239.1.1.2"), ip("ff3e::7")})
		l.run(2000)
		l.heard = nil
		l.Receive(1, c.query)
		l.Receive(1, c.query)
		l.says(2100, c.name, c.want...)
		l.says(5000, c.name+", later")
	}
}

func TestAnAnswerTakesAsLongAsTheQueryAllows(t *testing.T) {
	l := newListener(t)
	l.SetGroups([]netip.Addr{ip("239.1.1.1")})
	l.run(2000)
	l.heard = nil
	l.Receive(1, asks(3, "0.0.0.0", 100))
	l.Receive(1, asks(3, "0.0.0.0", 1)) // who asks again need not wait longer
	l.says(200, "the second query", wants4)
}

func TestOldRoutersAreSpokenToInTheirWords(t *testing.T) {
	l := newListener(t)
	l.Receive(1, asks(2, "0.0.0.0", 10))
	l.Receive(1, asks(1, "::", 10))
	l.SetGroups([]netip.Addr{ip("239.1.1.1"), ip("ff3e::7")})
	old4, old6 := "wants 239.1.1.1 to 239.1.1.1", "wants ff3e::7 to ff3e::7"
	l.says(2000, "joining", old4, old4, old6, old6)
	l.SetGroups(nil)
	bye4, bye6 := "leaves 239.1.1.1 to 224.0.0.2", "leaves ff3e::7 to ff02::2"
	l.says(2000, "leaving", bye4, bye4, bye6, bye6)
	l.now += int64(oldRouter)
	l.SetGroups([]netip.Addr{ip("239.1.1.1")})
	l.says(2000, "when the router has gone", wants4, wants4)
	l.Receive(1, asks(1, "0.0.0.0", 0))
	l.SetGroups(nil)
	l.says(2000, "version 1 has no word for it")
}

func TestWhatIsNoQueryIsNotAnswered(t *testing.T) {
	wrong := asks(3, "0.0.0.0", 10)
	wrong[wire.EthernetSize+wire.IPv4Size+2]++
	far := asks(2, "::", 10)
	far[wire.EthernetSize+wire.IPv6HopLimit] = 2
	for name, c := range map[string]struct {
		pkt     []byte
		counter string
	}{
		"a wrong checksum":          {wrong, "underlay_malformed"},
		"from beyond the link":      {far, "underlay_strange"},
		"another host's membership": {wire.NewReport(mac(9), ip("10.0.0.9"), ip("239.1.1.1"), wire.Joins, 2), "underlay_ignored"},
	} {
		l := newListener(t)
		l.SetGroups([]netip.Addr{ip("239.1.1.1"), ip("ff3e::7")})
		l.run(2000)
		l.heard = nil
		l.Receive(1, c.pkt)
		l.says(3000, name)
		for _, s := range l.Samples() {
			if s.Name == c.counter && s.Value != 1 {
				t.Errorf("%s: %s is %d, want 1", name, c.counter, s.Value)
			}
		}
	}
}

func TestTheKernelJoinsOnItsOwnInterfaces(t *testing.T) {
	var got []string
	s := New(Options{Clock: func() int64 { return 1 }, JoinKernel: func(port string, group netip.Addr, join bool) {
		got = append(got, fmt.Sprint(port, " ", group, " ", join))
	}})
	if err := s.SetConfig(Config{[]Interface{{Port: "eth0", Kernel: true}}}); err != nil {
		t.Fatal(err)
	}
	s.SetPort("eth0", Port{ID: 1, MAC: mac(1), Up: true, Send: func(uint16, []byte) bool { t.Error("the stack sends itself"); return true }}, true)
	s.SetKernel("eth0", KernelState{Addresses: []netip.Prefix{pre("10.0.0.1/24")}})
	s.SetGroups([]netip.Addr{ip("239.1.1.1")})
	s.Tick()
	s.SetGroups(nil)
	if want := []string{"eth0 239.1.1.1 true", "eth0 239.1.1.1 false"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

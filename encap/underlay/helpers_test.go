package underlay

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/encap/wire"
)

const ms = int64(1e6)

// mac returns the Ethernet address of host n.
func mac(n byte) [6]byte { return [6]byte{2, 0, 0, 0, 0, n} }

func pre(s string) netip.Prefix { return netip.MustParsePrefix(s) }
func ip(s string) netip.Addr    { return netip.MustParseAddr(s) }

// onePort is an underlay on a port, with a default route by one router.
func onePort() Config {
	return Config{[]Interface{{
		Port: "up", Addresses: []netip.Prefix{pre("10.0.0.1/24"), pre("fd00::1/64")},
		Routes: []Route{{To: pre("0.0.0.0/0"), Via: []netip.Addr{ip("10.0.0.254")}}, {To: pre("::/0"), Via: []netip.Addr{ip("fe80::fe")}}},
	}}}
}

// A bench is a stack with a clock, and with hosts on its links if they are given.
type bench struct {
	testing.TB
	*Stack
	now        int64
	sent       []string        // since the last look: port, packet
	hosts      map[string]byte // answer: address -> n of mac
	heard      []reply         // on their way
	duplicates []string
}

// A reply is a packet that somebody sends to a port.
type reply struct {
	port uint32
	pkt  []byte
}

func newBench(tb testing.TB, c Config) *bench {
	tb.Helper()
	b := &bench{TB: tb, now: 1000_000 * ms, hosts: make(map[string]byte)}
	b.Stack = New(Options{Clock: func() int64 { return b.now }, Seed: 1, Duplicate: func(port string, a netip.Addr, m [6]byte) {
		b.duplicates = append(b.duplicates, fmt.Sprintf("%s %v %x", port, a, m[5]))
	}})
	if err := b.SetConfig(c); err != nil {
		tb.Fatal(err)
	}
	for i, f := range c.Interfaces {
		b.plug(f.Port, uint32(i+1), true)
	}
	return b
}

// plug makes a port what it is said to be.
func (b *bench) plug(name string, id uint32, up bool) {
	b.SetPort(name, Port{ID: id, MAC: mac(0xa0 + byte(id)), MTU: 1500, Up: up, Send: func(vlan uint16, pkt []byte) bool {
		line := fmt.Sprintf("%d ", id)
		if vlan != 0 {
			line += fmt.Sprintf("vlan %d ", vlan)
		}
		b.sent = append(b.sent, line+describe(pkt))
		b.answer(id, vlan, pkt)
		return true
	}}, true)
}

// answer has the hosts that there are answer a question, when the bench next runs.
func (b *bench) answer(id uint32, vlan uint16, pkt []byte) {
	h, asker := pkt[wire.EthernetSize:], [6]byte(pkt[wire.EthSrc:])
	switch binary.BigEndian.Uint16(pkt[wire.EthType:]) {
	case wire.TypeARP:
		target := netip.AddrFrom4([4]byte(h[wire.ARPTPA:]))
		if n, ok := b.hosts[target.String()]; ok && h[wire.ARPOperation+1] == wire.ARPRequest && toOrAll(pkt, n) {
			pkt = wire.NewARP(asker, wire.ARPReply, mac(n), target, asker, netip.AddrFrom4([4]byte(h[wire.ARPSPA:])))
			b.heard = append(b.heard, reply{id, tagged(vlan, pkt)})
		}
	case wire.TypeIPv6:
		m := h[wire.IPv6Size:]
		target := netip.AddrFrom16([16]byte(m[8:]))
		if n, ok := b.hosts[target.String()]; ok && m[0] == wire.NDSolicit && toOrAll(pkt, n) {
			to := netip.AddrFrom16([16]byte(h[wire.IPv6Src:]))
			pkt = wire.NewND(asker, mac(n), target, to, wire.NDAdvert, wire.NDSolicited|wire.NDOverride, target)
			b.heard = append(b.heard, reply{id, tagged(vlan, pkt)})
		}
	}
}

// toOrAll reports whether a packet is for the host n, alone or among others.
func toOrAll(pkt []byte, n byte) bool { return pkt[0]&1 != 0 || [6]byte(pkt) == mac(n) }

// run lets time pass.
func (b *bench) run(forMS int64) {
	for end := b.now + forMS*ms; b.now < end; b.now += 50 * ms {
		b.settle()
		b.Tick()
		b.settle()
	}
}

// settle delivers answers.
func (b *bench) settle() {
	for len(b.heard) > 0 {
		a := b.heard[0]
		b.heard = b.heard[1:]
		b.Receive(a.port, a.pkt)
	}
}

// sends checks what was sent since the last time.
func (b *bench) sends(want ...string) {
	b.Helper()
	if got := strings.Join(b.sent, "\n"); got != strings.Join(want, "\n") {
		b.Errorf("sent\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	b.sent = nil
}

// way checks the way to an address: its status, and if that is OK the port and the next host.
func (b *bench) way(dst, want string) Way {
	b.Helper()
	return b.wayOf(dst, 0, want)
}

func (b *bench) wayOf(dst string, hash uint64, want string) Way {
	b.Helper()
	w, st := b.Route(ip(dst), netip.Addr{}, 0, hash)
	got := st.String()
	if st == OK {
		got = fmt.Sprintf("%d to %x from %v", w.Port, w.DstMAC[5], w.Src)
	}
	if got != want {
		b.Errorf("the way to %s is %q, want %q", dst, got, want)
	}
	if w.Tag == 0 {
		b.Errorf("the way to %s has no tag", dst)
	}
	return w
}

// changed reports whether anything that ways rest on has changed since a version, and returns the version now.
func (b *bench) changed(w Way, since uint64) (bool, uint64) {
	tags, now := b.Changes(since)
	return tags&w.Tag != 0, now
}

// describe says what is in a packet.
func describe(pkt []byte) string {
	s := fmt.Sprintf("%x>%x ", pkt[11], pkt[5])
	h := pkt[wire.EthernetSize:]
	switch binary.BigEndian.Uint16(pkt[wire.EthType:]) {
	case wire.TypeARP:
		return s + fmt.Sprintf("arp %d %v>%v", h[wire.ARPOperation+1], netip.AddrFrom4([4]byte(h[wire.ARPSPA:])), netip.AddrFrom4([4]byte(h[wire.ARPTPA:])))
	case wire.TypeIPv4:
		return s + fmt.Sprintf("%v>%v icmp %d/%d", netip.AddrFrom4([4]byte(h[wire.IPv4Src:])), netip.AddrFrom4([4]byte(h[wire.IPv4Dst:])), h[20], h[21])
	}
	m := h[wire.IPv6Size:]
	s += fmt.Sprintf("%v>%v icmp6 %d/%d", netip.AddrFrom16([16]byte(h[wire.IPv6Src:])), netip.AddrFrom16([16]byte(h[wire.IPv6Dst:])), m[0], m[1])
	if m[0] == wire.NDSolicit || m[0] == wire.NDAdvert {
		s += fmt.Sprintf(" %v", netip.AddrFrom16([16]byte(m[8:])))
	}
	return s
}

// tagged puts a VLAN tag on a packet, none for 0.
func tagged(vlan uint16, pkt []byte) []byte {
	if vlan == 0 {
		return pkt
	}
	b := append([]byte{}, pkt[:12]...)
	b = append(b, 0x81, 0, byte(vlan>>8), byte(vlan))
	return append(b, pkt[12:]...)
}

// count returns a counter.
func (b *bench) count(name string) uint64 {
	b.Helper()
	for _, s := range b.Samples() {
		if s.Name == name {
			return s.Value
		}
	}
	b.Fatalf("no counter %s", name)
	return 0
}

func (b *bench) counts(name string, want uint64) {
	b.Helper()
	if got := b.count(name); got != want {
		b.Errorf("%s is %d, want %d", name, got, want)
	}
}

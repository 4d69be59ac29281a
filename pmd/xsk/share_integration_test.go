//go:build integration

package xsk

import (
	"net"
	"net/netip"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/netdev/nstest"
	"golang.org/x/sys/unix"
)

// TestASharedDevicesTunnelsAreOurs runs the program over packets of tunnels and others, at every truncated length.
func TestASharedDevicesTunnelsAreOurs(t *testing.T) {
	nstest.NeedNamespaces(t) // loading a program takes the same rights, or more
	ip := netip.MustParseAddr
	s, err := newSteering(blueprint{queues: 4, pass: filter{shared: true}, mac: net.HardwareAddr{2, 0, 0, 0, 0, 1}, fallback: drop, frags: true})
	must(t, err)
	defer s.Close()
	ip4 := func(first byte, frag uint16, proto byte, dst byte, port uint16) []byte {
		p := append(make([]byte, 12), 8, 0, first, 0, 0, 60, 0, 0, byte(frag>>8), byte(frag), 64, proto, 0, 0, 10, 0, 0, 2, 10, 0, 0, dst)
		return append(p, 0x12, 0x34, byte(port>>8), byte(port), 0, 40, 0, 0, 0, 0, 0, 0)
	}
	ip6 := func(proto byte, port uint16) []byte {
		p := append(make([]byte, 12), 0x86, 0xdd, 0x60, 0, 0, 0, 0, 40, proto, 64)
		src, dst := ip("fd00::2").As16(), ip("fd00::1").As16()
		p = append(append(p, src[:]...), dst[:]...)
		return append(p, 0x12, 0x34, byte(port>>8), byte(port), 0, 40, 0, 0, 0, 0, 0, 0)
	}
	const udp, gre = unix.IPPROTO_UDP, unix.IPPROTO_GRE
	for _, c := range []struct {
		name string
		pkt  []byte
		ours int // the least length at which it is ours; 0: never
	}{
		{"VXLAN", ip4(0x45, 0, udp, 1, 4789), 38},
		{"VXLAN that must not be cut", ip4(0x45, 0x4000, udp, 1, 4789), 38},
		{"VXLAN over IPv6", ip6(udp, 4789), 58},
		{"GRE", ip4(0x45, 0, gre, 1, 0), 34},
		{"GRE over IPv6, which there is no tunnel of", ip6(gre, 0), 0},
		{"GENEVE, which there is no tunnel of", ip4(0x45, 0, udp, 1, 6081), 0},
		{"VXLAN to another address", ip4(0x45, 0, udp, 3, 4789), 0},
		{"a first fragment", ip4(0x45, 0x2000, udp, 1, 4789), 0},
		{"a later fragment", ip4(0x45, 9, udp, 1, 4789), 0},
		{"with options", ip4(0x46, 0, udp, 1, 4789), 0},
		{"TCP", ip4(0x45, 0, unix.IPPROTO_TCP, 1, 4789), 0},
		{"ARP", append(make([]byte, 12), 8, 6, 0, 1, 8, 0, 6, 4, 0, 1), 0},
	} {
		for round := range 3 {
			shared := round == 1 // and neither before nor after
			var ends []pmd.TunnelEnd
			if shared {
				ends = []pmd.TunnelEnd{{Addr: ip("10.0.0.1"), Proto: udp, Port: 4789}, {Addr: ip("fd00::1"), Proto: udp, Port: 4789}, {Addr: ip("10.0.0.1"), Proto: gre}}
			}
			must(t, s.share(ends))
			for n := ethernetHeader; n <= len(c.pkt); n++ {
				got, err := s.Program.Program.Run(&ebpf.RunOptions{Data: c.pkt[:n]})
				must(t, err)
				want := pass
				if shared && c.ours != 0 && n >= c.ours {
					want = drop // there is no socket, and drop is the fallback
				}
				if action(got) != want {
					t.Errorf("%s, %d bytes, shared %v: action %d, want %d", c.name, n, shared, got, want)
				}
			}
		}
	}
}

//go:build integration

package xsk

import (
	"encoding/binary"
	"fmt"
	"net"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/culvertdev/culvert/pmd/netdev/nstest"
	"github.com/culvertdev/culvert/pmd/option"
)

// steeringTwin decides what the program has to, the plain way.
func steeringTwin(f filter, mac net.HardwareAddr, fallback action, p []byte) action {
	if f.host && string(p[:6]) == string(mac) {
		return pass
	}
	t := binary.BigEndian.Uint16(p[12:])
	for _, e := range f.etherTypes {
		if t == e {
			return pass
		}
	}
	proto, l4 := uint8(0), 0
	switch {
	case t == 0x0800 && len(p) >= 34 && p[14]>>4 == 4 && p[14]&15 >= 5 && binary.BigEndian.Uint16(p[20:])&0x1fff == 0:
		proto, l4 = p[23], 14+int(p[14]&15)*4
	case t == 0x86dd && len(p) >= 54:
		proto, l4 = p[20], 54
	}
	for _, w := range f.ports {
		if l4 != 0 && len(p) >= l4+4 && proto == w.proto && binary.BigEndian.Uint16(p[l4+2:]) == w.port {
			return pass
		}
	}
	return fallback
}

func TestTheProgramPassesWhatItIsAskedTo(t *testing.T) {
	nstest.NeedNamespaces(t) // loading a program takes the same rights, or more
	mac := net.HardwareAddr{0x82, 1, 2, 3, 0x84, 0xf5}
	eth := func(dst net.HardwareAddr, etherType uint16, rest ...byte) []byte {
		p := append(append([]byte{}, dst...), 2, 0, 0, 0, 0, 1, byte(etherType>>8), byte(etherType))
		return append(p, rest...)
	}
	other := net.HardwareAddr{2, 0, 0, 0, 0, 2}
	ipv4 := func(first, proto byte, frag uint16, port uint16) []byte {
		ip := make([]byte, 20)
		ip[0], ip[6], ip[7], ip[9] = first, byte(frag>>8), byte(frag), proto
		for range int(first&15) - 5 {
			ip = append(ip, 1, 1, 1, 1)
		}
		return eth(other, 0x0800, append(ip, 0x12, 0x34, byte(port>>8), byte(port), 0, 8, 0, 0)...)
	}
	ipv6 := func(proto byte, port uint16) []byte {
		ip := make([]byte, 40)
		ip[0], ip[6] = 0x60, proto
		return eth(other, 0x86dd, append(ip, 0x12, 0x34, byte(port>>8), byte(port), 0, 8, 0, 0)...)
	}
	packets := [][]byte{
		eth(mac, testEtherType), eth(other, testEtherType), eth(other, 0x0806, make([]byte, 28)...),
		eth(other, 0x88cc), eth(other, 0x8809), eth(other, 0x8100, 0, 5, 8, 6),
		eth(net.HardwareAddr{0x82, 1, 2, 3, 0x84, 0xf4}, testEtherType), eth(net.HardwareAddr{0x83, 1, 2, 3, 0x84, 0xf5}, testEtherType),
		ipv4(0x45, 6, 0, 22), ipv4(0x45, 17, 0, 22), ipv4(0x45, 17, 0, 4789), ipv4(0x45, 6, 0x2000, 22), ipv4(0x45, 6, 1, 22),
		ipv4(0x4f, 6, 0, 22), ipv4(0x44, 6, 0, 22), ipv4(0x55, 6, 0, 22), ipv6(6, 22), ipv6(17, 4789), ipv6(0, 22),
	}
	for _, words := range []string{"none", "host", "arp", "lldp,lacp", "tcp:22", "udp:4789", "host,arp,lldp,lacp,eapol,ptp,tcp:22,udp:4789,tcp:65535"} {
		for _, fallback := range []action{drop, pass} {
			t.Run(fmt.Sprintf("pass=%s, fallback %d", words, fallback), func(t *testing.T) {
				f := parseFilter(option.Of(map[string]string{OptPass: words}))
				s, err := newSteering(blueprint{queues: 4, pass: f, mac: mac, fallback: fallback, frags: true})
				must(t, err)
				defer s.Close()
				for _, p := range packets {
					for n := 14; n <= len(p); n++ { // every truncated length the kernel takes
						got, err := s.Program.Program.Run(&ebpf.RunOptions{Data: p[:n]})
						must(t, err)
						if want := steeringTwin(f, mac, fallback, p[:n]); action(got) != want {
							t.Errorf("%x: action %d, want %d", p[:n], got, want)
						}
					}
				}
			})
		}
	}
}

//go:build integration

package overlay

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/daemon"
	"github.com/culvertdev/culvert/bench/guest/inside"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/traffic"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/vishvananda/netlink"
)

// Offsets in a VXLAN or GENEVE packet over IPv4 without IP options, and its key.
const (
	atIP     = wire.EthernetSize
	atUDP    = atIP + wire.IPv4Size
	atTunnel = atUDP + wire.UDPSize
	atInner  = atTunnel + 8

	vxlanPort, genevePort = 4789, 6081
	key                   = 42
)

// sound returns a right packet from far to the switch whose Ethernet address is given, in the tunnel with the key.
func (s *site) sound(to net.HardwareAddr, port uint16, options ...byte) []byte {
	s.Helper()
	inner, err := traffic.Flows{
		From: traffic.Endpoint{MAC: net.HardwareAddr{2, 0x88, 0, 0, 0, 2}, Addr: overlay(0, 2)[0].Addr()},
		To:   traffic.Endpoint{MAC: s.lab.Hosts[0].MAC, Addr: overlay(0, 1)[0].Addr()}, Size: 100,
	}.Frames()
	must(s.T, err)
	b := make([]byte, atInner)
	copy(b, to)
	copy(b[6:], s.far.MAC)
	binary.BigEndian.PutUint16(b[12:], wire.TypeIPv4)
	b[atIP], b[atIP+8], b[atIP+9] = 0x45, 64, wire.ProtoUDP
	copy(b[atIP+12:], far4.AsSlice())
	copy(b[atIP+16:], near4.AsSlice())
	binary.BigEndian.PutUint16(b[atUDP:], 40000)
	binary.BigEndian.PutUint16(b[atUDP+2:], port)
	b[atTunnel+6] = key
	if port == vxlanPort {
		b[atTunnel] = 8 // there is a key
	} else {
		b[atTunnel] = byte(len(options) / 4)
		binary.BigEndian.PutUint16(b[atTunnel+2:], wire.TypeTEB)
	}
	return finish(append(append(b, options...), inner[0]...))
}

// finish makes the packet's outer lengths and IPv4 checksum right. There is no UDP checksum.
func finish(b []byte) []byte {
	binary.BigEndian.PutUint16(b[atIP+2:], uint16(len(b)-atIP))
	binary.BigEndian.PutUint16(b[atUDP+4:], uint16(len(b)-atUDP))
	return sum(b)
}

// sum makes the outer IPv4 checksum right.
func sum(b []byte) []byte {
	binary.BigEndian.PutUint16(b[atIP+10:], 0)
	binary.BigEndian.PutUint16(b[atIP+10:], wire.Checksum(b[atIP:atUDP]))
	return b
}

// Ways to be wrong, and the counter of the drop. critical is a GENEVE option that no bridge here knows.
var (
	critical  = []byte{0x01, 0x02, 0x80, 0}
	malformed = []struct {
		name, drop string
		port       uint16
		options    []byte
		change     func(b []byte) []byte
	}{
		{"IPv4 checksum", "tunnel_ip_checksum", vxlanPort, nil, func(b []byte) []byte { b[atIP+10] ^= 1; return b }},
		{"UDP checksum", "tunnel_udp_checksum", vxlanPort, nil, func(b []byte) []byte { b[atUDP+6] = 1; return b }},
		{"UDP length beyond the packet", "tunnel_length", vxlanPort, nil, func(b []byte) []byte { b[atUDP+4]++; return b }},
		{"IPv4 length beyond the frame", "tunnel_length", vxlanPort, nil, func(b []byte) []byte { b[atIP+2]++; return sum(b) }},
		{"no room for an Ethernet header inside", "tunnel_length", vxlanPort, nil, func(b []byte) []byte { return finish(b[:atInner+13]) }},
		{"no key", "tunnel_header", vxlanPort, nil, func(b []byte) []byte { b[atTunnel] = 0; return b }},
		{"congestion marked outside, not inside", "tunnel_ecn", vxlanPort, nil, func(b []byte) []byte { b[atIP+1] |= 3; return sum(b) }},
		{"GENEVE of another version", "tunnel_header", genevePort, nil, func(b []byte) []byte { b[atTunnel] |= 0x40; return b }},
		{"GENEVE of another protocol", "tunnel_header", genevePort, nil, func(b []byte) []byte { b[atTunnel+2] = 8; return b }},
		{"options beyond the packet", "tunnel_options", genevePort, nil, func(b []byte) []byte { b[atTunnel] |= 0x3f; return b }},
		{"an option longer than all of them", "tunnel_options", genevePort, critical, func(b []byte) []byte { b[atInner+3] = 1; return b }},
		{"a critical option that is no field", "option_not_mapped", genevePort, critical, func(b []byte) []byte { b[atTunnel+1] |= 0x40; return b }},
	}
)

func TestMalformedPacketsAreDroppedByName(t *testing.T) {
	need(t)
	s := newSite(t, plan{}, time.Minute)
	beyond := s.kernel(inside.Tunnel{Type: "vxlan", Local: far4, Remote: near4, Key: key, Port: vxlanPort})
	s.startWith("name: wan, type: afxdp", tunnelPort{"vx", "vxlan", "remote_ip: 10.77.0.2, key: 42"},
		tunnelPort{"gnv", "geneve", "remote_ip: 10.77.0.2, key: 42"})
	s.exercise(beyond, 0)
	to := s.wanMAC()
	out, err := traffic.NewBlaster(s.far.Namespace, lab.HostLink)
	must(t, err)
	defer out.Close()
	for _, m := range malformed {
		s.dropped(m.name, m.drop, func() { must(t, out.Once([][]byte{m.change(s.sound(to, m.port, m.options...))})) })
	}
	must(t, out.Once(s.broken(to, 5000)))
	s.exercise(beyond, 0)
	s.stop()
}

// wanMAC returns the Ethernet address of the switch's port to far.
func (s *site) wanMAC() (mac net.HardwareAddr) {
	s.Helper()
	must(s.T, s.lab.Switch.Do(func() error {
		l, err := netlink.LinkByName("wan")
		if err == nil {
			mac = l.Attrs().HardwareAddr
		}
		return err
	}))
	return mac
}

// dropped sends, and waits until a drop has been counted.
func (s *site) dropped(name, drop string, send func()) {
	s.Helper()
	before := s.drops(drop)
	send()
	for end := time.Now().Add(patience); s.drops(drop) == before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			s.Fatalf("%s: not counted as %s", name, drop)
		}
	}
}

// drops returns a drop's counter.
func (s *site) drops(name string) uint64 {
	s.Helper()
	tally, err := s.daemon.Tally(s.ctx)
	must(s.T, err)
	return daemon.Value(tally.Stats.Drops, name)
}

// broken returns packets of which a few bytes are others behind the addresses, most with a right IPv4 checksum, and some
// are cut off.
func (s *site) broken(to net.HardwareAddr, n int) (all [][]byte) {
	r := rand.New(rand.NewPCG(1, 2))
	ports := [...]uint16{vxlanPort, genevePort}
	for i := range n {
		b := s.sound(to, ports[i%2], make([]byte, 4*r.IntN(4)*(i%2))...)
		for range 1 + r.IntN(4) {
			b[atIP+r.IntN(len(b)-atIP)] = byte(r.Uint32())
		}
		if r.IntN(4) > 0 {
			sum(b)
		}
		if r.IntN(4) == 0 {
			b = b[:atIP+r.IntN(len(b)-atIP)]
		}
		all = append(all, b)
	}
	return all
}

package daemon

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/control/config"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/encap/wire"
)

// A host is an offline switch with a guest's port p and a port u to the physical network.
type host struct {
	t     *testing.T
	sw    *Offline
	now   int64               // ns
	out   map[string][][]byte // packets sent, by port
	ids   map[string]uint32
	peers []*host
	outer [][]byte // UDP packets that have left the port u
}

// newHost returns the host with this underlay address and tunnel, another line of YAML.
func newHost(t *testing.T, underlay, tunnel string) *host {
	t.Helper()
	return newHostOf(t, "{name: u, type: memory, underlay: {"+underlay+"}}", `
  - name: br0
    ports:
      - {name: p, type: memory, number: 1}
      - {name: t, number: 2, `+tunnel+`}
    flows: ["in_port=1,actions=2", "in_port=2,actions=1"]
`, "")
}

// newHostOf returns the host with a port to the physical network, bridges and more sections of YAML.
func newHostOf(t *testing.T, port, bridges, sections string) *host {
	t.Helper()
	drivers := Drivers{"memory": {Check: func(map[string]string) error { return nil }}}
	c, err := config.Parse(config.Source{Name: "test", Drivers: drivers.Types(), Text: sections + `
frames: {buffers: 1024, hugepages: never}
bridges:` + bridges + `
  - name: phys
    ports: [` + port + `]
    flows: []
`})
	if err != nil {
		t.Fatal(err)
	}
	h := &host{t: t, out: make(map[string][][]byte), ids: make(map[string]uint32)}
	h.sw, err = NewOffline(OfflineOptions{
		Config: c, Clock: func() int64 { h.now += 1e6; return h.now },
		Sent: func(port string, packet []byte) { h.out[port] = append(h.out[port], bytes.Clone(packet)) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.sw.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, p := range h.sw.Ports() {
		h.ids[p.Name] = p.ID
	}
	return h
}

// send lets a packet come in by a port, and everything it sets going happen on both hosts.
func (h *host) send(port string, packet []byte) {
	h.t.Helper()
	if err := h.sw.Send(h.ids[port], packet); err != nil {
		h.t.Fatal(err)
	}
	h.settle()
}

// connect puts hosts on one wire.
func connect(hosts ...*host) {
	for _, h := range hosts {
		for _, o := range hosts {
			if o != h {
				h.peers = append(h.peers, o)
			}
		}
	}
}

// settle lets everything happen that is on its way on a host and its peers.
func (h *host) settle() {
	h.t.Helper()
	for range 10 {
		for _, x := range append([]*host{h}, h.peers...) {
			if err := x.sw.Follow(); err != nil {
				h.t.Fatal(err)
			}
			x.sw.Work()
			x.sw.Walk()
			wire := x.out["u"]
			x.out["u"] = nil
			for _, p := range wire {
				if len(p) > 23 && p[12] == 8 && p[23] == 17 {
					x.outer = append(x.outer, p)
				}
				for _, peer := range x.peers {
					if err := peer.sw.Send(peer.ids["u"], p); err != nil {
						h.t.Fatal(err)
					}
				}
			}
		}
	}
}

func TestAPacketCrossesATunnelFromOneHostToAnother(t *testing.T) {
	for _, c := range []struct{ name, left, right, tunnel string }{
		{"VXLAN over IPv4", "address: 192.0.2.1/24", "address: 192.0.2.2/24", "type: vxlan, options: {remote_ip: %s, key: 42}"},
		{"VXLAN over IPv6 without checksums", "address: '2001:db8::1/64'", "address: '2001:db8::2/64'", "type: vxlan, options: {remote_ip: '%s', key: 42, csum: false}"},
		{"VXLAN over IPv6", "address: '2001:db8::1/64'", "address: '2001:db8::2/64'", "type: vxlan, options: {remote_ip: '%s', key: 42}"},
		{"GENEVE in a VLAN of the underlay", "address: 192.0.2.1/24, vlan: 7", "address: 192.0.2.2/24, vlan: 7", "type: geneve, options: {remote_ip: %s, key: 9, csum: true}"},
		{"GENEVE over IPv6", "address: '2001:db8::1/64'", "address: '2001:db8::2/64'", "type: geneve, options: {remote_ip: '%s', key: 9}"},
		{"GRE over IPv4", "address: 192.0.2.1/24", "address: 192.0.2.2/24", "type: gre, options: {remote_ip: %s, key: 7, csum: true}"},
		{"GRE over IPv6", "address: '2001:db8::1/64'", "address: '2001:db8::2/64'", "type: gre, options: {remote_ip: '%s'}"},
		{"NVGRE", "address: 192.0.2.1/24", "address: 192.0.2.2/24", "type: nvgre, options: {remote_ip: %s, key: 70000}"},
		{"ERSPAN", "address: 192.0.2.1/24", "address: 192.0.2.2/24", "type: erspan, options: {remote_ip: %s, key: 5, erspan_idx: 3}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			addr := func(underlay string) string {
				a, _, _ := strings.Cut(strings.Trim(strings.TrimPrefix(underlay, "address: "), "'"), "/")
				return a
			}
			left := newHost(t, c.left+", mac: '02:00:00:00:01:01'", fmt.Sprintf(c.tunnel, addr(c.right)))
			right := newHost(t, c.right+", mac: '02:00:00:00:01:02'", fmt.Sprintf(c.tunnel, addr(c.left)))
			connect(left, right)
			there, back := guestFrame(1, 2, 300), guestFrame(2, 1, 200)
			left.send("p", there) // waits for ARP or neighbour discovery
			if got := right.out["p"]; len(got) != 1 || !bytes.Equal(got[0], there) {
				t.Fatalf("%d packets arrived, % x", len(got), got)
			}
			right.send("p", back)
			if got := left.out["p"]; len(got) != 1 || !bytes.Equal(got[0], back) {
				t.Fatalf("%d packets came back, % x", len(got), got)
			}
		})
	}
}

// TestPacketsOverIPv6WithoutAChecksumAreForWhoIsToldToTakeThem (RFC 6936 section 5).
func TestPacketsOverIPv6WithoutAChecksumAreForWhoIsToldToTakeThem(t *testing.T) {
	for options, want := range map[string]int{"": 0, ", csum: true": 0, ", csum: false": 1} {
		left := newHost(t, "address: '2001:db8::1/64', mac: '02:00:00:00:01:01'", "type: vxlan, options: {remote_ip: '2001:db8::2', csum: false}")
		right := newHost(t, "address: '2001:db8::2/64', mac: '02:00:00:00:01:02'", "type: vxlan, options: {remote_ip: '2001:db8::1'"+options+"}")
		connect(left, right)
		left.send("p", guestFrame(1, 2, 300))
		if got := len(right.out["p"]); got != want {
			t.Errorf("tunnel with the options {%s}: %d packets come out, want %d", options, got, want)
		}
		right.send("p", guestFrame(2, 1, 200))
		if got := len(left.out["p"]); got != 1 {
			t.Errorf("tunnel with the options {%s}: %d packets get to one that takes any", options, got)
		}
	}
}

// TestAPacketThatWaitedInheritsAsThoseAfterItDo: rules have pushed a tag more onto it than are parsed.
func TestAPacketThatWaitedInheritsAsThoseAfterItDo(t *testing.T) {
	for name, actions := range map[string]string{
		"one tag more":  "push_vlan:0x88a8,mod_vlan_vid:5,output:2",
		"two tags more": "push_vlan:0x8100,mod_vlan_vid:4,push_vlan:0x88a8,mod_vlan_vid:5,output:2",
	} {
		t.Run(name, func(t *testing.T) {
			h := newHostOf(t, "{name: u, type: memory, underlay: {address: 192.0.2.1/24, mac: '02:00:00:00:01:01'}}", `
  - name: br0
    ports:
      - {name: p, type: memory, number: 1}
      - {name: t, type: vxlan, number: 2, options: {remote_ip: 192.0.2.2, key: 42, tos: inherit, ttl: inherit}}
    flows: ["in_port=1,actions=`+actions+`"]
`, "")
			const tos, ttl = 0xb9, 17
			b := wire.NewIP([6]byte{2, 5: 2}, [6]byte{2, 5: 1}, netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"), wire.ProtoUDP, 60)
			ip := b[wire.EthernetSize:][:wire.IPv4Size]
			ip[1], ip[8] = tos, ttl
			binary.BigEndian.PutUint16(ip[wire.IPv4Checksum:], 0)
			binary.BigEndian.PutUint16(ip[wire.IPv4Checksum:], wire.Checksum(ip))
			tagged := slices.Concat(b[:wire.EthType], []byte{0x81, 0, 0, 9}, b[wire.EthType:])

			self, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
			h.send("p", tagged) // waits for the other end's Ethernet address
			h.send("u", wire.NewARP([6]byte{2, 4: 1, 5: 1}, wire.ARPReply, [6]byte{2, 4: 1, 5: 2}, other, [6]byte{2, 4: 1, 5: 1}, self))
			h.send("p", tagged)
			if len(h.outer) != 2 {
				t.Fatalf("%d packets left: % x", len(h.outer), h.outer)
			}
			const ports = wire.EthernetSize + wire.IPv4Size
			for i, p := range h.outer {
				if p[15] != tos || p[22] != ttl {
					t.Errorf("packet %d: ToS %#x and TTL %d, want %#x and %d", i, p[15], p[22], tos, ttl)
				}
			}
			if a, b := h.outer[0][ports:], h.outer[1][ports:]; !bytes.Equal(a, b) {
				t.Errorf("the packet that waited is another than the one after it:\n% x\n% x", a, b)
			}
		})
	}
}

// guestFrame is an Ethernet frame between two guests.
func guestFrame(from, to byte, size int) []byte {
	b := make([]byte, size)
	copy(b, []byte{2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from, 0x88, 0xb5})
	for i := 14; i < size; i++ {
		b[i] = byte(i)
	}
	return b
}

// TestChangesAreFollowedThoughTunnelsAreNot: an address that is said twice makes a table of tunnels that is none.
func TestChangesAreFollowedThoughTunnelsAreNot(t *testing.T) {
	h := newHost(t, "address: 192.0.2.1/24, mac: '02:00:00:00:01:01'", "type: vxlan, options: {remote_ip: 192.0.2.2, key: 42}")
	h.sw.Walk()
	const tag = 1 << 9
	var c rules.ChangeSet
	table := h.sw.bridges["br0"].table
	before := table.Changes(0, &c)
	h.sw.tunnels.changed(tag)
	own := h.sw.stack.Own()
	if err := h.sw.tunnels.follow(h.sw.Switch, append(own, own...), nil); err == nil {
		t.Fatal("two tunnels with the same addresses and key are none")
	}
	c.Reset()
	table.Changes(before, &c)
	for _, one := range c.Changes {
		if one.Tag&tag != 0 {
			return
		}
	}
	t.Errorf("the rule table has not heard of the change: %+v", c)
}

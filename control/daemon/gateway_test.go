package daemon_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/encap/wire"
)

const aGateway = `
bridges:
- name: gw0
  table: gateway
  ports:
  - {name: p1, type: memory}
  - {name: p2, type: memory}
  gateway:
    interfaces:
    - {name: lan, ports: [p1], mac: "02:00:00:00:00:a1", addresses: [10.0.1.1/24]}
    - {name: wan, tagged: [{port: p2, vlan: 7}], mac: "02:00:00:00:00:a2", addresses: [10.0.2.1/24]}
    neighbours: [{address: 10.0.2.2, mac: "02:00:00:00:00:02"}]
    acl: [{action: deny, protocol: udp, to-ports: 53}]
`

// routed returns a UDP packet from 10.0.1.2 to the gateway's Ethernet address.
func routed(to byte, port uint16) []byte {
	b := make([]byte, 60)
	copy(b, []byte{2, 0, 0, 0, 0, 0xa1, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17})
	copy(b[26:], []byte{10, 0, 1, 2, 10, 0, to, 2})
	binary.BigEndian.PutUint16(b[24:], wire.Checksum(b[14:34]))
	binary.BigEndian.PutUint16(b[36:], port)
	binary.BigEndian.PutUint16(b[38:], 26)
	return b
}

func TestABridgeThatRoutes(t *testing.T) {
	l := start(t, aGateway)
	p1, p2 := l.peer("p1"), l.peer("p2")
	p1.SendBytes(routed(2, 9))
	var got []byte
	eventually(t, "the packet is routed", func() bool {
		for _, b := range p2.RecvBytes() {
			got = b
		}
		return got != nil
	})
	want := []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 0xa2, 0x81, 0, 0, 7, 8, 0}
	if !bytes.HasPrefix(got, want) || got[26] != 63 || wire.Fold(wire.Sum(got[18:38], 0)) != 0xffff {
		t.Errorf("got % x", got)
	}
	p1.SendBytes(routed(2, 53), routed(9, 9))
	eventually(t, "one is denied, one has no route", func() bool {
		drops := call(l, api.GetStats, api.Nothing{}).Drops
		return value(drops, "acl") == 1 && value(drops, "no_route") == 1
	})
	t.Run("is shown", func(t *testing.T) {
		all := call(l, api.GatewayShow, api.BridgeName{})
		if len(all) != 1 || len(all[0].Interfaces) != 2 || all[0].Interfaces[1].Ports[0] != "p2.7" ||
			len(all[0].Neighbours) != 1 || all[0].ACL[0].Text != "deny udp from any to any port 53" || all[0].ACL[0].Packets != 1 {
			t.Errorf("got %+v", all)
		}
		if b := call(l, api.Show, api.Nothing{}).Bridges[0]; b.Table != "gateway" || b.Rules != 1 {
			t.Errorf("got %+v", b)
		}
		flows := call(l, api.CacheDump, api.CacheFilter{Port: "p1"})
		if !slices.ContainsFunc(flows, func(f api.CacheFlow) bool { return strings.Contains(f.Actions, "set(nw_ttl=63)") }) {
			t.Errorf("got cached flows %+v", flows)
		}
	})
	t.Run("is traced", func(t *testing.T) {
		a := call(l, api.Trace, api.TraceQuery{Bridge: "gw0", Flow: "in_port=p1", Packet: hex.EncodeToString(routed(9, 9))})
		if len(a.Looks) != 1 || !strings.Contains(a.Looks[0].Drop, "no_route") || !strings.Contains(a.Text, "to 02:") {
			t.Errorf("got %+v", a)
		}
	})
	t.Run("takes no OpenFlow rules", func(t *testing.T) {
		for _, e := range []*api.Error{
			refuse(l, api.FlowAdd, api.FlowText{Lines: []string{"actions=drop"}}, api.BadParams),
			refuse(l, api.FlowDel, api.FlowText{}, api.BadParams),
			refuse(l, api.FlowDump, api.FlowMatch{Bridge: "gw0"}, api.BadParams),
			refuse(l, api.FDBAdd, api.NewFDBEntry{Port: "p1", MAC: "02:00:00:00:00:09"}, api.BadParams),
		} {
			if !strings.Contains(e.Details, "bridge gw0: its table is a gateway") {
				t.Errorf("got %q", e.Details)
			}
		}
		if got := call(l, api.FlowDump, api.FlowMatch{}); len(got) != 0 {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("does at once what a new configuration says", func(t *testing.T) {
		call(l, api.ConfigApply, l.apply(strings.Replace(aGateway, "to-ports: 53", "to-ports: 9", 1)))
		p1.SendBytes(routed(2, 9), routed(2, 53))
		var got [][]byte
		eventually(t, "a packet arrives", func() bool { got = append(got, p2.RecvBytes()...); return len(got) > 0 })
		if len(got) != 1 || binary.BigEndian.Uint16(got[0][40:]) != 53 {
			t.Errorf("got %d packets, want that to port 53", len(got))
		}
	})
	t.Run("becomes a switch and a gateway again", func(t *testing.T) {
		call(l, api.ConfigApply, l.apply(strings.ReplaceAll(twoPorts, "br0", "gw0")))
		refuse(l, api.GatewayShow, api.BridgeName{Bridge: "gw0"}, api.BadParams)
		p1.SendBytes(packet(1, 2))
		arrives(t, p2, 1)
		call(l, api.ConfigApply, l.apply(aGateway))
		p1.SendBytes(routed(2, 9))
		arrives(t, p2, 1)
		if l.opens("p1") != 1 {
			t.Errorf("p1 was opened %d times, want once", l.opens("p1"))
		}
	})
	refuse(l, api.GatewayShow, api.BridgeName{Bridge: "br9"}, api.NotFound)
}

func TestAGatewayTellsWhoSendsPacketsThatAreTooLong(t *testing.T) {
	l := start(t, strings.Replace(aGateway, "{name: p2, type: memory}", "{name: p2, type: memory, options: {mtu: 1400}}", 1))
	p1, p2 := l.peer("p1"), l.peer("p2")
	long := append(routed(2, 9), make([]byte, 1440)...)
	h := long[wire.EthernetSize:]
	binary.BigEndian.PutUint16(h[wire.IPv4Length:], uint16(len(h)))
	binary.BigEndian.PutUint16(h[wire.IPv4Fragment:], wire.IPv4DontFragment)
	clear(h[wire.IPv4Checksum : wire.IPv4Checksum+2])
	binary.BigEndian.PutUint16(h[wire.IPv4Checksum:], wire.Checksum(h[:wire.IPv4Size]))
	p1.SendBytes(long, routed(2, 9))
	arrives(t, p2, 1)
	var told []byte
	eventually(t, "the sender is told", func() bool {
		for _, b := range p1.RecvBytes() {
			told = b
		}
		return told != nil
	})
	icmp := told[wire.EthernetSize+wire.IPv4Size:]
	if icmp[0] != 3 || icmp[1] != 4 || binary.BigEndian.Uint16(icmp[6:]) != 1400 || !bytes.Equal(icmp[8:28], h[:20]) {
		t.Errorf("got % x", told)
	}
	eventually(t, "the drop is counted", func() bool { return value(call(l, api.GetStats, api.Nothing{}).Drops, "too_big") == 1 })
}

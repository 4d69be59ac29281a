package tunnels

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/control/config"
	"github.com/culvertdev/culvert/control/daemon"
	"github.com/culvertdev/culvert/encap/wire"
)

// culvert is the side that is tested.
type culvert struct {
	vlan uint16
	sw   *daemon.Offline
	ids  map[string]uint32 // datapath ports
	sent Output
	now  int64 // ns
}

// newCulvert makes a switch as a scene says. The caller closes it.
func newCulvert(s *Scene) (*culvert, error) {
	ports := daemon.Drivers{"memory": {Check: func(map[string]string) error { return nil }}}
	checked, err := config.Parse(config.Source{Name: "scene", Drivers: ports.Types(), Text: s.config()})
	if err != nil {
		return nil, err
	}
	c := &culvert{vlan: s.VLAN, ids: make(map[string]uint32), sent: make(Output), now: int64(time.Hour)}
	c.sw, err = daemon.NewOffline(daemon.OfflineOptions{Config: checked, Clock: func() int64 { return c.now }, Sent: c.took})
	if err != nil {
		return nil, err
	}
	for _, p := range c.sw.Ports() {
		c.ids[p.Name] = p.ID
	}
	if err := c.talk(); err != nil { // it asks for its neighbours at once
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// config returns the scene as a configuration.
func (s *Scene) config() string {
	var b strings.Builder
	b.WriteString("frames: {buffers: 1024, hugepages: never}\nbridges:\n- name: br0\n")
	if len(s.TLVs) > 0 {
		fmt.Fprintf(&b, "  tunnel-options: ['%s']\n", strings.Join(s.TLVs, "', '"))
	}
	b.WriteString("  ports:\n")
	for i, name := range hosts {
		fmt.Fprintf(&b, "  - {name: %s, type: memory, number: %d}\n", name, i+1)
	}
	for i := range s.Tunnels {
		t := &s.Tunnels[i]
		fmt.Fprintf(&b, "  - {name: %s, number: %d, type: %s, options: {", t.Name(), t.Number, t.Type)
		for j, o := range t.Options {
			name, value, _ := strings.Cut(o, "=")
			fmt.Fprintf(&b, "%s%s: '%s'", strings.Repeat(", ", min(j, 1)), name, value)
		}
		b.WriteString("}}\n")
	}
	fmt.Fprintf(&b, "  flows: |\n    %s\n", strings.Join(s.Flows, "\n    "))
	fmt.Fprintf(&b, "- name: below\n  ports:\n  - {name: wan, type: memory, underlay: {address: [%s/24, '%s/64'], mac: '%x'", near4, near6, nearMAC)
	fmt.Fprintf(&b, ", routes: [{to: %s/24, mark: %s}, {to: '%s/64', mark: %s}]", near4, mark, near6, mark)
	if s.VLAN != 0 {
		fmt.Fprintf(&b, ", vlan: %d", s.VLAN)
	}
	b.WriteString("}}\n")
	return b.String()
}

// took is given what a port sends.
func (c *culvert) took(port string, packet []byte) {
	c.sent[port] = append(c.sent[port], bytes.Clone(packet))
}

// send returns what leaves the ports for a packet, other than the underlay's own talk.
func (c *culvert) send(p Packet) (Output, error) {
	c.sent = make(Output)
	if err := c.feed(p); err != nil {
		return nil, err
	}
	if err := c.talk(); err != nil {
		return nil, err
	}
	if c.sent[wan] = slices.DeleteFunc(c.sent[wan], func(b []byte) bool { return !tunnelled(b) }); len(c.sent[wan]) == 0 {
		delete(c.sent, wan)
	}
	return c.sent, nil
}

// talk answers what the switch asks the underlay.
func (c *culvert) talk() error {
	for at := 0; at < len(c.sent[wan]); at++ {
		if answer := c.answer(c.sent[wan][at]); answer != nil {
			if err := c.feed(Packet{wan, answer}); err != nil {
				return err
			}
		}
	}
	return nil
}

// feed lets a packet in, and everything happen that follows.
func (c *culvert) feed(p Packet) error {
	c.now += int64(time.Millisecond)
	if err := c.sw.Send(c.ids[p.Port], p.Data); err != nil {
		return err
	}
	return c.sw.Follow()
}

// answer returns the far end's answer to a packet, if that asks for its Ethernet address.
func (c *culvert) answer(b []byte) []byte {
	at := wire.EthernetSize
	if c.vlan != 0 {
		at += wire.VLANTagSize
	}
	b, typ := b[at:], binary.BigEndian.Uint16(b[at-2:])
	var out []byte
	switch {
	case typ == wire.TypeARP && binary.BigEndian.Uint16(b[wire.ARPOperation:]) == wire.ARPRequest:
		who := netip.AddrFrom4([4]byte(b[wire.ARPTPA:]))
		if !slices.Contains(far4, who) {
			return nil
		}
		out = wire.NewARP(nearMAC, wire.ARPReply, farMAC(who), who, nearMAC, near4)
	case typ == wire.TypeIPv6 && b[wire.IPv6Next] == wire.ProtoICMPv6 && b[wire.IPv6Size] == wire.NDSolicit:
		who := netip.AddrFrom16([16]byte(b[wire.IPv6Size+8:]))
		if !slices.Contains(far6, who) {
			return nil
		}
		to := netip.AddrFrom16([16]byte(b[8:]))
		out = wire.NewND(nearMAC, farMAC(who), who, to, wire.NDAdvert, wire.NDSolicited|wire.NDOverride, who)
	default:
		return nil
	}
	if c.vlan != 0 {
		out = slices.Concat(out[:12], binary.BigEndian.AppendUint16([]byte{0x81, 0}, c.vlan), out[12:])
	}
	return out
}

// trace returns the trace of a packet that comes in by one of the bridge's ports.
func (c *culvert) trace(p Packet) (string, error) {
	a, err := c.sw.TracePacket(api.TraceQuery{Bridge: "br0", Flow: "in_port=" + p.Port, Packet: fmt.Sprintf("%x", p.Data)})
	return a.Text, err
}

// close ends the switch; every frame must have come back.
func (c *culvert) close() error { return c.sw.Close() }

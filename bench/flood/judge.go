package flood

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/culvertdev/culvert/bench/switches"
	"github.com/culvertdev/culvert/encap/wire"
)

// judge returns what says what is wrong with a packet that arrives: it is to be one of those that the other guest sent, as they were inside a tunnel, and
// in the tunnel's headers where it goes into one.
func (o Options) judge(inner packets) func(packet []byte) error {
	known := make(map[string]bool)
	for _, packet := range inner.list {
		known[string(packet)] = true
	}
	c := inner.count
	return func(packet []byte) (err error) {
		if o.Tunnel != nil && !o.Out {
			if packet, err = unwrapped(o.Tunnel, packet); err != nil {
				return err
			}
		}
		plain := packet
		if c != nil {
			if plain, err = c.without(packet); err != nil {
				return err
			}
		}
		if !known[string(plain)] {
			return fmt.Errorf("want one of the packets sent, found %x", packet)
		}
		return nil
	}
}

// without returns a copy of a packet as it is before it gets a destination, if it has one of those that are counted.
func (c *count) without(packet []byte) ([]byte, error) {
	if len(packet) < udpAt || wire.Checksum(packet[wire.EthernetSize:udpAt]) != 0 || binary.BigEndian.Uint32(packet[dstAt:])-c.first >= c.flows {
		return nil, fmt.Errorf("want an IPv4 packet to one of %d addresses, found %x", c.flows, packet)
	}
	packet = bytes.Clone(packet)
	clear(packet[sumAt:][:2])
	clear(packet[dstAt:][:4])
	return packet, nil
}

// unwrapped returns what is in a tunnel packet from the near end to the far one, as gopacket reads it.
func unwrapped(t *switches.Tunnel, packet []byte) ([]byte, error) {
	p := gopacket.NewPacket(packet, layers.LayerTypeEthernet, gopacket.Default)
	eth, _ := p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
	ip, _ := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	if eth == nil || ip == nil || !bytes.Equal(eth.DstMAC, t.FarMAC[:]) || !ip.SrcIP.Equal(t.Near.AsSlice()) || !ip.DstIP.Equal(t.Far.AsSlice()) {
		return nil, fmt.Errorf("want a packet from %s to %s, found %v", t.Near, t.Far, p)
	}
	if size := wire.EthernetSize + int(ip.Length); size != len(packet) || wire.Checksum(packet[wire.EthernetSize:][:wire.IPv4Size]) != 0 {
		return nil, fmt.Errorf("want an IPv4 header with the length and the checksum of the packet, found %v", p)
	}
	if list := p.Layers(); len(list) > 3 {
		switch h := list[3].(type) {
		case *layers.VXLAN:
			if t.Type == "vxlan" && h.VNI == t.Key {
				return h.Payload, nil
			}
		case *layers.Geneve:
			if t.Type == "geneve" && h.VNI == t.Key {
				return h.Payload, nil
			}
		}
	}
	return nil, fmt.Errorf("want %s with key %d, found %v", t.Type, t.Key, p)
}

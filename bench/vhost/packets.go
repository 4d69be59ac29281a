package main

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"

	"github.com/culvertdev/culvert/bench/traffic"
	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// pumpFlows is how many flows a pump's packets are of.
const pumpFlows = 1024

// prepare makes the packets that are sent, whose inner ones have so many bytes.
func (u *pump) prepare(size int) (err error) {
	u.frames, err = traffic.Flows{
		From:  traffic.Endpoint{MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, Addr: netip.MustParseAddr("10.253.1.1")},
		To:    traffic.Endpoint{MAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, Addr: netip.MustParseAddr("10.253.0.1")},
		Count: pumpFlows, Size: size,
	}.Frames()
	u.arriving = size
	if err != nil || u.tunnel == "" {
		return err
	}
	typ, err := encap.ParseType(u.tunnel)
	if err != nil {
		return err
	}
	o := encap.Outer{Type: typ, SrcMAC: farMAC, DstMAC: nearMAC, Src: farEnd, Dst: nearEnd, TTL: 64, DontFragment: true, Key: tunnelKey}
	if !u.out {
		u.arriving += o.Size()
		return nil
	}
	for i, packet := range u.frames {
		if u.frames[i], err = u.wrapped(&o, packet, uint32(i)<<22); err != nil {
			return err
		}
	}
	return nil
}

// wrapped returns a packet behind the header stack of o, with a source port that comes from hash.
func (u *pump) wrapped(o *encap.Outer, packet []byte, hash uint32) ([]byte, error) {
	words, err := encap.AppendStack(nil, o)
	if err != nil {
		return nil, err
	}
	f, ok := u.cache.FromBytes(packet)
	if !ok {
		return nil, fmt.Errorf("no buffer for a packet of %d bytes", len(packet))
	}
	frames := []frame.Frame{f}
	defer func() { u.cache.Put(frames[0]) }()
	p := encap.Pusher{Pool: u.pool, Counters: new(encap.Counters)}
	if p.Push(words, frames, []uint32{hash}, []uint16{wire.EthernetSize}) != 0 {
		return nil, fmt.Errorf("a packet of %d bytes: %v", len(packet), p.Why(words, f))
	}
	return u.pool.AppendTo(nil, frames[0]), nil
}

// judge returns what says what is wrong with a packet that arrives: it is to be one of those inside what was sent, in the
// tunnel's headers where it goes into one.
func (u *pump) judge() func(packet []byte) error {
	inner := make(map[string]bool)
	for _, packet := range u.frames {
		if u.out {
			packet = packet[len(packet)-u.arriving:]
		}
		inner[string(packet)] = true
	}
	return func(packet []byte) (err error) {
		if u.tunnel != "" && !u.out {
			if packet, err = unwrapped(u.tunnel, packet); err != nil {
				return err
			}
		}
		if !inner[string(packet)] {
			return fmt.Errorf("want one of the packets sent, found %x", packet)
		}
		return nil
	}
}

// unwrapped returns what is in a tunnel packet from the near end to the far one, as gopacket reads it.
func unwrapped(typ string, packet []byte) ([]byte, error) {
	p := gopacket.NewPacket(packet, layers.LayerTypeEthernet, gopacket.Default)
	eth, _ := p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
	ip, _ := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	if eth == nil || ip == nil || !bytes.Equal(eth.DstMAC, farMAC[:]) || !ip.SrcIP.Equal(nearEnd.AsSlice()) || !ip.DstIP.Equal(farEnd.AsSlice()) {
		return nil, fmt.Errorf("want a packet from %s to %s, found %v", nearEnd, farEnd, p)
	}
	if size := wire.EthernetSize + int(ip.Length); size != len(packet) || wire.Checksum(packet[wire.EthernetSize:][:wire.IPv4Size]) != 0 {
		return nil, fmt.Errorf("want an IPv4 header with the length and the checksum of the packet, found %v", p)
	}
	switch h := p.Layers()[3].(type) {
	case *layers.VXLAN:
		if typ == "vxlan" && h.VNI == tunnelKey {
			return h.Payload, nil
		}
	case *layers.Geneve:
		if typ == "geneve" && h.VNI == tunnelKey {
			return h.Payload, nil
		}
	}
	return nil, fmt.Errorf("want %s with key %d, found %v", typ, tunnelKey, p)
}

package pump

import (
	"bytes"
	"fmt"
	"net"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/culvertdev/culvert/bench/gen/stream"
	"github.com/culvertdev/culvert/bench/switches"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/ring/frame"
)

// Packets is how many different ones a pump sends, in turn.
const Packets = 1024

// prepare makes the packets that are sent, and those that are to arrive, of which a tunnel's are what is in them.
func (u *Pump) prepare() (err error) {
	if u.inner, err = u.made(u.o.Frames); err != nil {
		return err
	}
	u.frames = u.inner
	u.arriving = len(u.inner[0])
	t := u.o.Tunnel
	if t == nil {
		return nil
	}
	around := &stream.Tunnel{
		Type: t.Type, VNI: t.Key, Source: stream.Endpoint{MAC: macText(t.FarMAC), Address: t.Far}, Destination: stream.Endpoint{MAC: macText(t.NearMAC), Address: t.Near},
	}
	spec := u.o.Frames
	spec.Tunnel = around
	wrapped, err := u.made(spec)
	if err != nil {
		return err
	}
	if u.o.Out {
		u.frames = wrapped
	} else {
		u.arriving = len(wrapped[0])
	}
	return nil
}

func macText(m [6]byte) string { return net.HardwareAddr(m[:]).String() }

// made returns packets as a stream of the generator has them.
func (u *Pump) made(spec stream.Spec) (list [][]byte, err error) {
	s, err := stream.New(spec, 0, stream.NewBodies(u.pool))
	if err != nil {
		return nil, err
	}
	var b frame.Batch
	for len(list) < Packets {
		if s.Fill(u.cache, &b, min(frame.MaxBatch, Packets-len(list)), 0) == 0 {
			return nil, fmt.Errorf("no buffers for packets of %d bytes", s.Longest())
		}
		for _, f := range b.Frames() {
			list = append(list, u.pool.AppendTo(nil, f))
		}
		u.cache.PutBatch(&b)
	}
	return list, nil
}

// judge returns what says what is wrong with a packet that arrives: it is to be one of those inside what was sent, in the
// tunnel's headers where it goes into one.
func (u *Pump) judge() func(packet []byte) error {
	known := make(map[string]bool)
	for _, packet := range u.inner {
		known[string(packet)] = true
	}
	return func(packet []byte) (err error) {
		if u.o.Tunnel != nil && !u.o.Out {
			if packet, err = unwrapped(u.o.Tunnel, packet); err != nil {
				return err
			}
		}
		if !known[string(packet)] {
			return fmt.Errorf("want one of the packets sent, found %x", packet)
		}
		return nil
	}
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
	switch h := p.Layers()[3].(type) {
	case *layers.VXLAN:
		if t.Type == "vxlan" && h.VNI == t.Key {
			return h.Payload, nil
		}
	case *layers.Geneve:
		if t.Type == "geneve" && h.VNI == t.Key {
			return h.Payload, nil
		}
	}
	return nil, fmt.Errorf("want %s with key %d, found %v", t.Type, t.Key, p)
}

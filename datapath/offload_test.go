package datapath

import (
	"bytes"
	"encoding/binary"
	"net"
	"testing"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// tcpPacket returns a TCP packet over IPv4 or IPv6, behind a VLAN tag if asked, whose payload is size
// bytes that differ from their neighbours.
func tcpPacket(t *testing.T, v6, tagged bool, size int, flags func(*layers.TCP)) []byte {
	t.Helper()
	eth := &layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}}
	tcp := &layers.TCP{SrcPort: 1, DstPort: 2, Seq: 0xfffffff0, Ack: 7, ACK: true, Window: 512,
		Options: []layers.TCPOption{{OptionType: layers.TCPOptionKindNop}, {OptionType: layers.TCPOptionKindNop}}}
	if flags != nil {
		flags(tcp)
	}
	payload := make(gopacket.Payload, size)
	for i := range payload {
		payload[i] = byte(i ^ i>>8)
	}
	var network gopacket.SerializableLayer
	typ := layers.EthernetTypeIPv4
	if v6 {
		typ = layers.EthernetTypeIPv6
		ip := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolTCP, SrcIP: net.ParseIP("fd00::1"), DstIP: net.ParseIP("fd00::2")}
		_ = tcp.SetNetworkLayerForChecksum(ip)
		network = ip
	} else {
		ip := &layers.IPv4{Version: 4, TTL: 64, Id: 100, Protocol: layers.IPProtocolTCP, SrcIP: net.IP{10, 0, 0, 1}, DstIP: net.IP{10, 0, 0, 2}}
		_ = tcp.SetNetworkLayerForChecksum(ip)
		network = ip
	}
	ls := []gopacket.SerializableLayer{eth, network, tcp, payload}
	eth.EthernetType = typ
	if tagged {
		eth.EthernetType = layers.EthernetTypeDot1Q
		ls = []gopacket.SerializableLayer{eth, &layers.Dot1Q{VLANIdentifier: 5, Type: typ}, network, tcp, payload}
	}
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, ls...); err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(buf.Bytes())
}

// offsets returns where the network and transport headers of a packet from tcpPacket are.
func offsets(v6, tagged bool) (l3, l4 int) {
	l3 = wire.EthernetSize
	if tagged {
		l3 += wire.VLANTagSize
	}
	if v6 {
		return l3, l3 + wire.IPv6Size
	}
	return l3, l3 + wire.IPv4Size
}

func TestAChecksumLeftToHardwareIsCompleted(t *testing.T) {
	r := newRig(t, &byPort{}, 1)
	for _, v6 := range []bool{false, true} {
		want := tcpPacket(t, v6, false, 333, nil)
		sent := bytes.Clone(want)
		l3, l4 := offsets(v6, false)
		wire.SeedChecksum(sent, l3, l4)
		if bytes.Equal(sent, want) {
			t.Fatal("the seed is the checksum: the test shows nothing")
		}
		if got := r.pass(sent); len(got) != 1 || !bytes.Equal(got[0], want) {
			t.Errorf("IPv6 %v: checksum was not completed", v6)
		}
	}
}

func TestAWrongChecksumStaysAsItIs(t *testing.T) {
	r := newRig(t, &byPort{}, 1)
	for _, size := range []int{10, 4000} {
		want := tcpPacket(t, false, false, size, nil)
		want[len(want)-1] ^= 0x55
		got := r.pass(want)
		if len(got) != 1 || !bytes.Equal(got[0], want) {
			t.Errorf("payload of %d bytes: %d packets left, want the one that came", size, len(got))
		}
	}
}

func TestASegmentTooLongForThePortIsCut(t *testing.T) {
	r := newRig(t, &byPort{}, 1)
	for _, v6 := range []bool{false, true} {
		for _, tagged := range []bool{false, true} {
			const size = 20_001
			sent := tcpPacket(t, v6, tagged, size, func(h *layers.TCP) { h.FIN, h.PSH, h.CWR = true, true, true })
			want := sent[len(sent)-size:]
			l3, l4 := offsets(v6, tagged)
			wire.SeedChecksum(sent, l3, l4) // as a veth sender leaves it
			checkParts(t, r.pass(sent), want, l3, l4)
		}
	}
}

// checkParts reports what is wrong with the parts of a segment from tcpPacket with the payload want.
func checkParts(t *testing.T, parts [][]byte, want []byte, l3, l4 int) {
	t.Helper()
	var payload []byte
	for i, p := range parts {
		if n := len(p) - l3; n > 1500 {
			t.Errorf("part %d has %d bytes behind the Ethernet header, want at most 1500", i, n)
		}
		if seq := binary.BigEndian.Uint32(p[l4+4:]); seq != 0xfffffff0+uint32(len(payload)) {
			t.Errorf("part %d has sequence number %#x, want %#x", i, seq, 0xfffffff0+uint32(len(payload)))
		}
		last := i == len(parts)-1
		flags := p[l4+13]
		if fin, cwr := flags&0x09 != 0, flags&0x80 != 0; fin != last || cwr != (i == 0) {
			t.Errorf("part %d of %d has flags %#x", i, len(parts), flags)
		}
		head := l4 + int(p[l4+12]>>4)*4
		payload = append(payload, p[head:]...)
		checkSums(t, i, p, l3, l4)
	}
	if !bytes.Equal(payload, want) {
		t.Errorf("the parts carry %d bytes, want the %d that were sent", len(payload), len(want))
	}
}

func checkSums(t *testing.T, i int, p []byte, l3, l4 int) {
	t.Helper()
	size := len(p) - l4
	var pseudo uint32
	if p[l3]>>4 == 4 {
		if wire.Checksum(p[l3:l4]) != 0 {
			t.Errorf("part %d: IPv4 header checksum is wrong", i)
		}
		if id := binary.BigEndian.Uint16(p[l3+4:]); id != 100+uint16(i) {
			t.Errorf("part %d: identification %d, want %d", i, id, 100+i)
		}
		if n := int(binary.BigEndian.Uint16(p[l3+2:])); n != len(p)-l3 {
			t.Errorf("part %d: total length %d, want %d", i, n, len(p)-l3)
		}
		pseudo = wire.PseudoIPv4(p[l3:], p[l3+wire.IPv4Protocol], size)
	} else {
		if n := int(binary.BigEndian.Uint16(p[l3+4:])); n != size {
			t.Errorf("part %d: payload length %d, want %d", i, n, size)
		}
		pseudo = wire.PseudoIPv6(p[l3:], p[l3+wire.IPv6Next], size)
	}
	if wire.Fold(wire.Sum(p[l4:], pseudo)) != 0xffff {
		t.Errorf("part %d: transport checksum is wrong", i)
	}
}

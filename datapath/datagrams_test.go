package datapath

import (
	"bytes"
	"encoding/binary"
	"net"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/frame"
)

// datagrams returns UDP datagrams of each payload bytes, size together, as a sender with segmentation offload leaves
// them, and what it says of them.
func datagrams(t *testing.T, v6 bool, size, each int) ([]byte, frame.Offload) {
	t.Helper()
	udp := &layers.UDP{SrcPort: 4000, DstPort: 4433}
	eth := &layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, EthernetType: layers.EthernetTypeIPv4}
	var ip gopacket.SerializableLayer = &layers.IPv4{Version: 4, TTL: 64, Id: 100, Protocol: layers.IPProtocolUDP, SrcIP: net.IP{10, 0, 0, 1}, DstIP: net.IP{10, 0, 0, 2}}
	if v6 {
		eth.EthernetType = layers.EthernetTypeIPv6
		ip = &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolUDP, SrcIP: net.ParseIP("fd00::1"), DstIP: net.ParseIP("fd00::2")}
	}
	payload := make(gopacket.Payload, size)
	for i := range payload {
		payload[i] = byte(i ^ i>>8)
	}
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true}, eth, ip, udp, payload); err != nil {
		t.Fatal(err)
	}
	b := bytes.Clone(buf.Bytes())
	if !v6 {
		h := b[wire.EthernetSize:][:wire.IPv4Size]
		binary.BigEndian.PutUint16(h[wire.IPv4Checksum:], wire.Checksum(h))
	}
	l3, l4 := offsets(v6, false)
	wire.SeedChecksum(b, l3, l4)
	return b, frame.Offload{
		Csum: frame.NeedsCsum, CsumStart: uint16(l4), CsumOffset: wire.UDPChecksum,
		GSO: frame.GSOUDPL4, GSOSize: uint16(each), HeaderLen: uint16(l4 + wire.UDPSize),
	}
}

func TestDatagramsSentAsOneGoAsTheyAreToAPortThatTakesThemAndElseAreCut(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		r := newRig(t, &byPort{}, 1)
		sent, o := datagrams(t, v6, 30000, 1200)
		r.taker(pmd.TakeCsum | pmd.TakeUSO)
		if got := r.passUnfinished(sent, o); len(got) != 1 || !bytes.Equal(got[0], sent) || r.out.offloads[0] != o {
			t.Fatalf("%d packets left, want the one that came, as it was", len(got))
		}
		r.taker(pmd.TakeCsum | pmd.TakeTSO4 | pmd.TakeTSO6) // all but these
		parts := r.passUnfinished(sent, o)
		if len(parts) != 25 || r.out.offloads != nil {
			t.Fatalf("%d datagrams left, want 25 that are finished", len(parts))
		}
		l3, l4 := offsets(v6, false)
		var payload []byte
		for i, p := range parts {
			checkSums(t, i, p, l3, l4)
			if n := binary.BigEndian.Uint16(p[l4+wire.UDPLength:]); n != 1208 {
				t.Errorf("datagram %d says it has %d bytes, want 1208", i, n)
			}
			payload = append(payload, p[o.HeaderLen:]...)
		}
		if !bytes.Equal(payload, sent[o.HeaderLen:]) {
			t.Error("the datagrams carry another payload")
		}
	}
}

// Nobody but their sender says how long datagrams are.
func TestDatagramsTooLongForThePortAreNotCutShorter(t *testing.T) {
	for name, each := range map[string]int{"longer than the MTU": 2000, "of no size": 0} {
		r := newRig(t, &byPort{}, 1)
		sent, o := datagrams(t, false, 30000, each)
		if got := r.passUnfinished(sent, o); len(got) != 0 {
			t.Errorf("datagrams %s: %d packets left", name, len(got))
		}
		r.w.count.publish()
		if got := sampleOf(r.w.count.drops, "cannot_segment"); got != 1 {
			t.Errorf("datagrams %s: cannot_segment counted %d packets, want 1", name, got)
		}
	}
	r := newRig(t, &byPort{}, 1)
	sent, o := datagrams(t, false, 900, 2000) // one that is shorter than they may be
	if got := r.passUnfinished(sent, o); len(got) != 1 || len(got[0]) != len(sent) {
		t.Errorf("%d packets left, want one", len(got))
	}
}

package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// datagram returns the UDP packet that a builder which shares nothing with this package makes, the part'th that its
// sender sends.
func datagram(v6 bool, tags int, part int, payload []byte) []byte {
	eth := &layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}}
	typ := &eth.EthernetType
	ls := []gopacket.SerializableLayer{eth}
	for i := range tags {
		tag := &layers.Dot1Q{VLANIdentifier: uint16(100 + i)}
		*typ, typ = layers.EthernetTypeDot1Q, &tag.Type
		ls = append(ls, tag)
	}
	udp := &layers.UDP{SrcPort: 4000, DstPort: 4433}
	headers := EthernetSize + tags*VLANTagSize + IPv4Size + UDPSize
	if v6 {
		headers += IPv6Size - IPv4Size
		ip := &layers.IPv6{Version: 6, HopLimit: 63, NextHeader: layers.IPProtocolUDP, SrcIP: net.ParseIP("2001:db8::1"), DstIP: net.ParseIP("2001:db8::2")}
		*typ = layers.EthernetTypeIPv6
		_ = udp.SetNetworkLayerForChecksum(ip) // fails for other layers than these two
		ls = append(ls, ip)
	} else {
		ip := &layers.IPv4{Version: 4, TTL: 63, Id: 0xfffe + uint16(part), Protocol: layers.IPProtocolUDP, SrcIP: net.IP{192, 0, 2, 1}, DstIP: net.IP{198, 51, 100, 2}}
		*typ = layers.EthernetTypeIPv4
		_ = udp.SetNetworkLayerForChecksum(ip)
		ls = append(ls, ip)
	}
	b := serialize(append(ls, udp, gopacket.Payload(payload)))[:headers+len(payload)] // the builder pads to 60 bytes
	if sum := b[headers-2:]; binary.BigEndian.Uint16(sum) == 0 {
		binary.BigEndian.PutUint16(sum, 0xffff)
	}
	return b
}

// apart cuts b as a switch does, into datagrams of size payload bytes.
func apart(b []byte, size int) (parts [][]byte, ok bool) {
	c, ok := CutUDP(b, len(b))
	for off := 0; ok && off < c.Payload; off += size {
		n := min(size, c.Payload-off)
		p := bytes.Repeat([]byte{0xa5}, c.Headers+n)
		copy(p, b[:c.Headers])
		copy(p[c.Headers:], b[c.Headers+off:][:n])
		c.PutChecksum(p, c.Patch(p, len(parts), off, n)+Sum(p[c.Headers:], 0))
		parts = append(parts, p)
	}
	return parts, ok
}

func TestDatagramsThatWereSentAsOneAreWhatTheirSenderWouldHaveSent(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		for tags := range 3 {
			for _, total := range []int{1, 1200, 1201, 30_000, 65_000} {
				t.Run(fmt.Sprintf("v6 %v, %d tags, %d bytes", v6, tags, total), func(t *testing.T) {
					payload := make([]byte, total)
					for i := range payload {
						payload[i] = byte(i*31 + i>>8)
					}
					for _, size := range []int{512, 1200, 1472} {
						got, ok := apart(datagram(v6, tags, 0, payload), size)
						if want := (total + size - 1) / size; !ok || len(got) != want {
							t.Fatalf("%d parts, %v; want %d", len(got), ok, want)
						}
						for i, p := range got {
							if want := datagram(v6, tags, i, payload[i*size:min(total, (i+1)*size)]); !bytes.Equal(p, want) {
								t.Fatalf("part %d is\n%x, want\n%x", i, p, want)
							}
						}
					}
				})
			}
		}
	}
}

// A checksum that comes out as 0 would say that there is none.
func TestADatagramsChecksumOfZeroIsSentAsOnes(t *testing.T) {
	b := datagram(false, 0, 0, []byte{1, 2, 0, 0})
	sum := binary.BigEndian.Uint16(b[EthernetSize+IPv4Size+UDPChecksum:])
	binary.BigEndian.PutUint16(b[len(b)-2:], sum) // now everything but the checksum sums up to 0xffff
	parts, ok := apart(b, 100)
	if !ok || binary.BigEndian.Uint16(parts[0][EthernetSize+IPv4Size+UDPChecksum:]) != 0xffff {
		t.Errorf("%v, % x", ok, parts)
	}
}

func TestWhatIsNotUDPInOnePieceIsNotCutFromEachOther(t *testing.T) {
	const l3 = EthernetSize
	for name, edit := range map[string]func(v4, v6 []byte) []byte{
		"TCP":                               func(b, _ []byte) []byte { b[l3+IPv4Protocol] = ProtoTCP; return b },
		"a fragment":                        func(b, _ []byte) []byte { b[l3+IPv4Fragment] |= 0x20; return b },
		"IPv6 with an extension header":     func(_, b []byte) []byte { b[l3+IPv6Next] = ProtoHopOpts; return b },
		"a length beyond the packet":        func(b, _ []byte) []byte { b[l3+IPv4Length+1]++; return b },
		"a length beyond the packet, IPv6":  func(_, b []byte) []byte { b[l3+IPv6Length+1]++; return b },
		"no payload":                        func(_, b []byte) []byte { binary.BigEndian.PutUint16(b[l3+IPv6Length:], UDPSize); return b },
		"a length that is less than UDP's":  func(_, b []byte) []byte { binary.BigEndian.PutUint16(b[l3+IPv6Length:], UDPSize-1); return b },
		"headers that are not all there":    func(b, _ []byte) []byte { return b[:l3+IPv4Size+UDPSize-1] },
		"another EtherType than the packet": func(b, _ []byte) []byte { binary.BigEndian.PutUint16(b[EthType:], TypeARP); return b },
		"nothing":                           func(_, _ []byte) []byte { return nil },
	} {
		b := edit(datagram(false, 0, 0, make([]byte, 100)), datagram(true, 0, 0, make([]byte, 100)))
		if c, ok := CutUDP(b, len(b)); ok {
			t.Errorf("%s: cut at %+v", name, c)
		}
	}
}

// FuzzCutUDP holds that whatever is cut, the parts are in bounds, carry the payload once and in order, and have right
// checksums.
func FuzzCutUDP(f *testing.F) {
	f.Add(datagram(false, 0, 0, make([]byte, 300)), uint16(100))
	f.Add(datagram(true, 2, 0, make([]byte, 300)), uint16(7))
	f.Fuzz(func(t *testing.T, b []byte, size uint16) {
		before := bytes.Clone(b)
		parts, ok := apart(b, max(1, int(size)))
		if !ok {
			return
		}
		if !bytes.Equal(b, before) {
			t.Fatal("the packet itself was changed")
		}
		c, _ := CutUDP(b, len(b))
		var payload []byte
		for i, p := range parts {
			if got := naiveTransport(p, c); got != 0xffff {
				t.Fatalf("the checksum of part %d sums up to %#x, want 0xffff", i, got)
			}
			if n := binary.BigEndian.Uint16(p[c.l4+UDPLength:]); int(n) != len(p)-c.l4 {
				t.Fatalf("part %d says it has %d bytes, want %d", i, n, len(p)-c.l4)
			}
			payload = append(payload, p[c.Headers:]...)
		}
		if !bytes.Equal(payload, b[c.Headers:c.Headers+c.Payload]) {
			t.Fatal("the parts carry another payload")
		}
	})
}

package traffic

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

func TestCheckFindsEveryKindOfDamage(t *testing.T) {
	stream := func(pos uint64, n int) []byte { return append([]byte(nil), piece(pos, n)...) }
	const pos = 3*period - 100
	if err := check(stream(pos, chunk), pos); err != nil {
		t.Fatalf("an undamaged piece: %v", err)
	}
	flipped := stream(pos, 1000)
	flipped[700] ^= 0x10
	tests := []struct {
		name string
		got  []byte
		want string // in the error
	}{
		{"a bit that flipped is named by its position", flipped, "byte 197163 of"},
		{"a segment that is missing", stream(pos+1448, 1000), "byte "},
		{"a segment that came twice", stream(pos-1448, 1000), "byte "},
		{"a whole period shifted by a buffer", stream(pos+chunk, 1000), "byte "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := check(tt.got, pos)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestFramesAreWhatTheySay(t *testing.T) {
	mac := func(last byte) net.HardwareAddr { return net.HardwareAddr{2, 0, 0, 0, 0, last} }
	v4 := Flows{From: Endpoint{mac(1), netip.MustParseAddr("10.0.0.1")}, To: Endpoint{mac(2), netip.MustParseAddr("10.0.0.2")}}
	v6 := Flows{From: Endpoint{mac(1), netip.MustParseAddr("fd00::1")}, To: Endpoint{mac(2), netip.MustParseAddr("fd00::2")}}
	with := func(f Flows, size int, vlan uint16, count int) Flows {
		f.Size, f.VLAN, f.Count = size, vlan, count
		return f
	}
	tests := []struct {
		name string
		f    Flows
		size int
	}{
		{"the smallest frame", v4, 60},
		{"the smallest frame of IPv6, which is larger", v6, 62},
		{"a full frame in a VLAN", with(v4, 1518, 7, 0), 1518},
		{"a jumbo frame of IPv6 in a VLAN", with(v6, 9018, 7, 0), 9018},
		{"many flows", with(v4, 128, 0, 1000), 128},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			frames, err := tt.f.Frames()
			if err != nil {
				t.Fatal(err)
			}
			ports := make(map[layers.UDPPort]bool)
			for _, p := range frames {
				if len(p) != tt.size {
					t.Fatalf("got %d bytes, want %d", len(p), tt.size)
				}
				pkt := gopacket.NewPacket(p, layers.LayerTypeEthernet, gopacket.Default)
				udp, ok := pkt.TransportLayer().(*layers.UDP)
				if !ok {
					t.Fatalf("not a UDP packet: %v", pkt)
				}
				ports[udp.SrcPort] = true
			}
			if want := max(tt.f.Count, 1); len(ports) != want {
				t.Errorf("got %d source ports, want %d", len(ports), want)
			}
		})
	}
}

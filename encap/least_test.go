package encap

import (
	"net/netip"
	"testing"

	"github.com/culvertdev/culvert/encap/wire"
)

func TestIPv6PacketsOfTheLeastMTUMustGoThrough(t *testing.T) {
	packet := func(src, dst string, payload int) []byte {
		return wire.NewIP([6]byte{2, 5: 2}, [6]byte{2, 5: 1}, netip.MustParseAddr(src), netip.MustParseAddr(dst), wire.ProtoUDP, payload)
	}
	for _, c := range []struct {
		name string
		pkt  []byte
		l3   int
		want bool
	}{
		{"of 1280 bytes", packet("fd00::1", "fd00::2", 1240), 14, true},
		{"of 1281 bytes", packet("fd00::1", "fd00::2", 1241), 14, false},
		{"without a network header", packet("fd00::1", "fd00::2", 1240), 0, false},
		{"IPv4", packet("10.0.0.1", "10.0.0.2", 1240), 14, false},
		{"cut off", packet("fd00::1", "fd00::2", 0)[:53], 14, false},
	} {
		if got := Least(c.pkt, c.l3, len(c.pkt)); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

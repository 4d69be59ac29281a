package icmp

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/culvertdev/culvert/encap/wire"
)

func TestAMessageQuotesWhatItIsAboutAndNoMore(t *testing.T) {
	for _, c := range []struct {
		from, to   string
		header     int
		longest    int // bytes of the IP packet
		typ, code  byte
		arg, proto uint32
	}{
		{"10.0.0.1", "10.0.0.2", wire.IPv4Size, 576, 3, 4, 1400, wire.ProtoICMP},
		{"fd00::1", "fd00::2", wire.IPv6Size, 1280, 2, 0, 1400, wire.ProtoICMPv6},
	} {
		for _, size := range []int{0, 1, 40, 600, 9000} {
			about := bytes.Repeat([]byte{0xa5}, size)
			p := TooBig(1400).Packet([6]byte{2}, [6]byte{4}, netip.MustParseAddr(c.from), netip.MustParseAddr(c.to), about)
			l3 := p[wire.EthernetSize:]
			m := l3[c.header:]
			if len(l3) > c.longest || len(l3) != min(c.longest, c.header+wire.ICMPSize+size) {
				t.Errorf("%s, about %d bytes: it has %d", c.from, size, len(l3))
			}
			if m[0] != c.typ || m[1] != c.code || binary.BigEndian.Uint32(m[4:]) != c.arg || !bytes.HasPrefix(about, m[wire.ICMPSize:]) {
				t.Errorf("%s: the message is %x", c.from, m[:wire.ICMPSize])
			}
			if c.header == wire.IPv4Size && binary.BigEndian.Uint16(l3[wire.IPv4Fragment:]) != wire.IPv4DontFragment {
				t.Errorf("about %d bytes: it may be fragmented, with the identification of others (RFC 6864 section 4.2)", size)
			}
			sum := uint32(0)
			if c.header == wire.IPv6Size {
				sum = wire.PseudoIPv6(l3, wire.ProtoICMPv6, len(m))
			}
			if wire.Fold(wire.Sum(m, sum)) != 0xffff {
				t.Errorf("%s, about %d bytes: the checksum is wrong", c.from, size)
			}
		}
	}
}

func TestErrorsAreAnsweredByNone(t *testing.T) {
	for typ, want := range map[byte]bool{0: true, 3: false, 5: false, 8: true, 11: false, 12: false, 13: true} {
		if Answerable(false, typ) != want {
			t.Errorf("ICMP type %d: answerable is %v", typ, !want)
		}
	}
	for typ, want := range map[byte]bool{1: false, 2: false, 3: false, 4: false, 127: false, 128: true, 135: true} {
		if Answerable(true, typ) != want {
			t.Errorf("ICMPv6 type %d: answerable is %v", typ, !want)
		}
	}
}

func TestALimitIsABurstAndThenAHundredASecond(t *testing.T) {
	var l Limit
	n := 0
	for now := int64(0); now < 2e9; now += 1e6 {
		if l.Take(now) {
			n++
		}
	}
	if n < Burst+195 || n > Burst+205 {
		t.Errorf("%d messages in 2 s, want %d", n, Burst+200)
	}
}

package wire

import (
	"net/netip"
	"testing"
	"time"
)

func TestReportsSayWhatTheyAreTo(t *testing.T) {
	for _, c := range []struct {
		src, group string
		l          Listening
		version    uint8
		typ        uint8 // 0: there is no such message
		dst        string
		leaves     bool
	}{
		{"10.0.0.1", "239.1.2.3", Joins, 3, IGMPv3Report, "224.0.0.22", false},
		{"10.0.0.1", "239.1.2.3", Listens, 3, IGMPv3Report, "224.0.0.22", false},
		{"10.0.0.1", "239.1.2.3", Leaves, 3, IGMPv3Report, "224.0.0.22", true},
		{"10.0.0.1", "239.1.2.3", Joins, 2, IGMPv2Report, "239.1.2.3", false},
		{"10.0.0.1", "239.1.2.3", Leaves, 2, IGMPLeave, "224.0.0.2", true},
		{"10.0.0.1", "239.1.2.3", Listens, 1, IGMPv1Report, "239.1.2.3", false},
		{"10.0.0.1", "239.1.2.3", Leaves, 1, 0, "", false},
		{"fe80::1", "ff3e::7", Joins, 2, MLDv2Report, "ff02::16", false},
		{"fe80::1", "ff3e::7", Leaves, 2, MLDv2Report, "ff02::16", true},
		{"fe80::1", "ff3e::7", Listens, 1, MLDReport, "ff3e::7", false},
		{"fe80::1", "ff3e::7", Leaves, 1, MLDDone, "ff02::2", true},
	} {
		src, dst := netip.MustParseAddr(c.src), netip.Addr{}
		b := NewReport([6]byte{2, 1}, src, netip.MustParseAddr(c.group), c.l, c.version)
		if c.typ == 0 {
			if b != nil {
				t.Errorf("%+v: % x", c, b)
			}
			continue
		}
		h := b[EthernetSize:]
		ttl := h[IPv4TTL]
		if src.Is4() {
			dst = netip.AddrFrom4([4]byte(h[IPv4Dst:]))
		} else {
			dst, ttl = netip.AddrFrom16([16]byte(h[IPv6Dst:])), h[IPv6HopLimit]
		}
		m, ok := ParseMembership(b)
		group, leaves, has := m.Next()
		if !ok || !has || m.Type != c.typ || leaves != c.leaves || netip.AddrFrom16(group).Unmap().String() != c.group {
			t.Errorf("%+v: type %#x, %v leaves %t", c, m.Type, netip.AddrFrom16(group), leaves)
		}
		if dst.String() != c.dst || [6]byte(b) != GroupMAC(dst) || ttl != 1 || src.Is4() && Checksum(h[:24]) != 0 {
			t.Errorf("%+v: to %v, TTL %d: % x", c, dst, ttl, h[:24])
		}
	}
}

func TestAQuerySaysHowLongAnAnswerMayTake(t *testing.T) {
	igmp := func(size int, code byte, group ...byte) Membership {
		m := make([]byte, size)
		m[0], m[1] = IGMPQuery, code
		copy(m[4:], group)
		return Membership{Type: IGMPQuery, body: m}
	}
	mld := func(size int, code uint16) Membership {
		m := make([]byte, size)
		m[0], m[4], m[5], m[8] = MLDQuery, byte(code>>8), byte(code), 0xff
		return Membership{Type: MLDQuery, V6: true, body: m}
	}
	for _, c := range []struct {
		m    Membership
		want Query
	}{
		{igmp(8, 0), Query{Version: 1, Within: 10 * time.Second}},
		{igmp(8, 200), Query{Version: 2, Within: 20 * time.Second}},
		{igmp(12, 100, 239, 1, 1, 1), Query{netip.MustParseAddr("239.1.1.1"), 3, 10 * time.Second}},
		{igmp(12, 0x80), Query{Version: 3, Within: 128 * 100 * time.Millisecond}},
		{igmp(12, 0xff), Query{Version: 3, Within: 31744 * 100 * time.Millisecond}},
		{mld(24, 40000), Query{netip.MustParseAddr("ff00::"), 1, 40 * time.Second}},
		{mld(28, 10000), Query{netip.MustParseAddr("ff00::"), 2, 10 * time.Second}},
		{mld(28, 0xffff), Query{netip.MustParseAddr("ff00::"), 2, 8387584 * time.Millisecond}},
	} {
		if got := c.m.Query(); got != c.want {
			t.Errorf("% x: %+v, want %+v", c.m.body[:6], got, c.want)
		}
	}
}

package wire_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/encap/wire/wiretest"
)

var (
	host4 = wiretest.Host{MAC: [6]byte{2, 0, 0, 0, 0, 1}, Addr: netip.MustParseAddr("10.0.0.1")}
	host6 = wiretest.Host{MAC: [6]byte{2, 0, 0, 0, 0, 1}, Addr: netip.MustParseAddr("fe80::1")}
)

func group(kind uint8, addr string, sources ...string) wiretest.Record {
	r := wiretest.Record{Kind: kind, Group: netip.MustParseAddr(addr)}
	for _, s := range sources {
		r.Sources = append(r.Sources, netip.MustParseAddr(s))
	}
	return r
}

// said returns what a message says, as text: its type and, for each group, + or -.
func said(frame []byte) string {
	m, ok := wire.ParseMembership(frame)
	if !ok {
		return "nothing"
	}
	parts := []string{fmt.Sprintf("%#x", m.Type)}
	if m.V6 {
		parts[0] = fmt.Sprint(m.Type)
	}
	if m.Anonymous {
		parts = append(parts, "anonymous")
	}
	for g, leaves, ok := m.Next(); ok; g, leaves, ok = m.Next() {
		sign := "+"
		if leaves {
			sign = "-"
		}
		parts = append(parts, sign+netip.AddrFrom16(g).Unmap().String())
	}
	return strings.Join(parts, " ")
}

func TestMembershipMessages(t *testing.T) {
	tagged, nobody4, nobody6 := host4, host4, host6
	tagged.Tag, nobody4.Addr, nobody6.Addr = 0x600a, netip.IPv4Unspecified(), netip.IPv6Unspecified()
	aux := group(4, "239.2.0.1", "1.1.1.1")
	aux.Aux = make([]byte, 8)
	for _, c := range []struct {
		name  string
		frame []byte
		want  string
	}{
		{"IGMPv1 report", host4.Membership(wire.IGMPv1Report, group(0, "239.1.1.1")), "0x12 +239.1.1.1"},
		{"IGMPv2 report", host4.Membership(wire.IGMPv2Report, group(0, "239.1.1.1")), "0x16 +239.1.1.1"},
		{"IGMPv2 report, tagged", tagged.Membership(wire.IGMPv2Report, group(0, "239.1.1.1")), "0x16 +239.1.1.1"},
		{"IGMP leave", host4.Membership(wire.IGMPLeave, group(0, "239.1.1.1")), "0x17 -239.1.1.1"},
		{"IGMP query", host4.Membership(wire.IGMPQuery), "0x11"},
		{"IGMP query of nobody", nobody4.Membership(wire.IGMPQuery), "0x11 anonymous"},
		{"IGMP of another type", host4.Membership(0x13), "nothing"},
		{"IGMPv3 report of all kinds", host4.Membership(wire.IGMPv3Report, group(1, "239.2.0.1"), group(2, "239.2.0.2"), group(3, "239.2.0.3"),
			group(4, "239.2.0.4"), group(5, "239.2.0.5"), group(6, "239.2.0.6")),
			"0x22 -239.2.0.1 +239.2.0.2 -239.2.0.3 +239.2.0.4 +239.2.0.5 +239.2.0.6"},
		{"IGMPv3 report with sources", host4.Membership(wire.IGMPv3Report, group(1, "239.2.0.1", "1.1.1.1"), group(3, "239.2.0.2", "1.1.1.1", "1.1.1.2")),
			"0x22 +239.2.0.1 +239.2.0.2"},
		{"IGMPv3 report with auxiliary data and an unknown kind", host4.Membership(wire.IGMPv3Report, aux, group(7, "239.2.0.2"), group(4, "239.2.0.3")),
			"0x22 +239.2.0.1 +239.2.0.3"},
		{"IGMPv3 report without records", host4.Membership(wire.IGMPv3Report), "0x22"},
		{"MLDv1 report", host6.Membership(wire.MLDReport, group(0, "ff3e::1")), "131 +ff3e::1"},
		{"MLDv1 done", host6.Membership(wire.MLDDone, group(0, "ff3e::1")), "132 -ff3e::1"},
		{"MLD query", host6.Membership(wire.MLDQuery), "130"},
		{"MLD query of nobody", nobody6.Membership(wire.MLDQuery), "130 anonymous"},
		{"MLDv2 report", host6.Membership(wire.MLDv2Report, group(4, "ff3e::1"), group(3, "ff3e::2"), group(1, "ff3e::3", "2001:db8::1")), "143 +ff3e::1 -ff3e::2 +ff3e::3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := said(c.frame); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			padded := append(append([]byte{}, c.frame...), make([]byte, 20)...)
			if got := said(padded); got != c.want {
				t.Errorf("padded: got %s, want %s", got, c.want)
			}
		})
	}
}

// TestMembershipOfDamagedMessages: a message that is cut short, or of which a bit is wrong, says nothing.
func TestMembershipOfDamagedMessages(t *testing.T) {
	for _, frame := range [][]byte{
		host4.Membership(wire.IGMPv2Report, group(0, "239.1.1.1")),
		host4.Membership(wire.IGMPv3Report, group(4, "239.1.1.1", "1.1.1.1"), group(4, "239.1.1.2")),
		host6.Membership(wire.MLDReport, group(0, "ff3e::1")),
		host6.Membership(wire.MLDv2Report, group(4, "ff3e::1"), group(4, "ff3e::2")),
	} {
		for n := range frame {
			if got := said(frame[:n]); got != "nothing" {
				t.Errorf("the first %d of %d bytes: got %s", n, len(frame), got)
			}
		}
		start := 38 // of the IGMP message
		if frame[12] == 0x86 {
			start = 62 // of the MLD message
		}
		for i := start * 8; i < len(frame)*8; i++ {
			bad := append([]byte{}, frame...)
			bad[i/8] ^= 1 << (i % 8)
			if got := said(bad); got != "nothing" {
				t.Errorf("bit %d wrong: got %s", i, got)
			}
		}
	}
}

// slowMembership says the same as said, read off the RFCs byte by byte. What is not there panics.
func slowMembership(b []byte) (text string) {
	defer func() {
		if recover() != nil {
			text = "nothing"
		}
	}()
	b = slices.Clip(b)[12:]
	for len(b) >= 2 && (b[0] == 0x81 && b[1] == 0 || b[0] == 0x88 && b[1] == 0xa8) {
		b = b[4:]
	}
	typ, b := binary.BigEndian.Uint16(b), b[2:]
	var sum []byte // what the checksum covers
	var src, msg []byte
	size := 4
	switch {
	case typ == 0x800 && b[0]>>4 == 4 && b[0]&15 >= 5 && b[9] == 2 && b[6]&0x3f == 0 && b[7] == 0:
		b = slices.Clip(b[:binary.BigEndian.Uint16(b[2:])])
		src, msg = b[12:16], b[int(b[0]&15)*4:]
	case typ == 0x86dd && b[0]>>4 == 6:
		size = 16
		b = slices.Clip(b[:40+int(binary.BigEndian.Uint16(b[4:]))])
		next, rest := b[6], b[40:]
		for next == 0 || next == 60 || next == 43 {
			if next == 43 && rest[3] != 0 {
				return "nothing"
			}
			next, rest = rest[0], rest[8*(int(rest[1])+1):]
		}
		if next != 58 {
			return "nothing"
		}
		src, msg = b[8:24], rest
		sum = append(append(sum, b[8:40]...), 0, 0, byte(len(msg)>>8), byte(len(msg)), 0, 0, 0, 58)
	default:
		return "nothing"
	}
	sum = append(sum, msg...)
	total := 0
	for i := range sum {
		total += int(sum[i]) << (8 * (1 - i%2))
	}
	if total%0xffff != 0 || total == 0 {
		return "nothing"
	}
	parts := []string{fmt.Sprintf("%#x", msg[0])}
	if size == 16 {
		parts[0] = fmt.Sprint(msg[0])
	}
	if strings.Trim(string(src), "\x00") == "" {
		parts = append(parts, "anonymous")
	}
	addr := func(b []byte) string {
		a, _ := netip.AddrFromSlice(b[:size])
		return a.Unmap().String()
	}
	switch kind := [2]int{size, int(msg[0])}; kind {
	case [2]int{4, 0x11}, [2]int{16, 130}:
		_ = msg[map[int]int{4: 7, 16: 23}[size]]
	case [2]int{4, 0x12}, [2]int{4, 0x16}:
		parts = append(parts, "+"+addr(msg[4:8]))
	case [2]int{4, 0x17}:
		parts = append(parts, "-"+addr(msg[4:8]))
	case [2]int{16, 131}:
		parts = append(parts, "+"+addr(msg[8:24]))
	case [2]int{16, 132}:
		parts = append(parts, "-"+addr(msg[8:24]))
	case [2]int{4, 0x22}, [2]int{16, 143}:
		r := msg[8:]
		for range binary.BigEndian.Uint16(msg[6:]) {
			sources := int(binary.BigEndian.Uint16(r[2:]))
			switch leaves := sources == 0 && (r[0] == 1 || r[0] == 3); {
			case leaves:
				parts = append(parts, "-"+addr(r[4:]))
			case 1 <= r[0] && r[0] <= 6:
				parts = append(parts, "+"+addr(r[4:]))
			}
			r = r[4+size+sources*size+int(r[1])*4:]
		}
	default:
		return "nothing"
	}
	return strings.Join(parts, " ")
}

func FuzzMembership(f *testing.F) {
	f.Add(host4.Membership(wire.IGMPQuery))
	f.Add(host4.Membership(wire.IGMPv2Report, group(0, "239.1.1.1")))
	f.Add(host4.Membership(wire.IGMPLeave, group(0, "239.1.1.1")))
	f.Add(host4.Membership(wire.IGMPv3Report, group(4, "239.1.1.1", "1.1.1.1"), group(1, "239.1.1.2")))
	f.Add(host6.Membership(wire.MLDQuery))
	f.Add(host6.Membership(wire.MLDReport, group(0, "ff3e::1")))
	f.Add(host6.Membership(wire.MLDv2Report, group(4, "ff3e::1"), group(3, "ff3e::2")))
	f.Fuzz(func(t *testing.T, frame []byte) {
		for _, b := range [][]byte{frame, mended(frame)} {
			if got, want := said(b), slowMembership(b); got != want {
				t.Errorf("%x: got %s, want %s", b, got, want)
			}
		}
	})
}

// mended returns a frame of a message with a right checksum, if it is one without options and extensions
// or with those of wiretest, so that fuzzing gets past it.
func mended(frame []byte) []byte {
	for _, at := range []int{34, 38, 54, 62} {
		if len(frame) < at+8 {
			break
		}
		b := append([]byte{}, frame...)
		msg, sum := b[at:], uint32(0)
		if at >= 54 {
			sum = wire.PseudoIPv6(b[14:], wire.ProtoICMPv6, len(msg))
		}
		msg[2], msg[3] = 0, 0
		binary.BigEndian.PutUint16(msg[2:], ^wire.Fold(wire.Sum(msg, sum)))
		if slowMembership(b) != "nothing" {
			return b
		}
	}
	return frame
}

func TestMembershipsAreReadWithoutGarbage(t *testing.T) {
	frame := host4.Membership(wire.IGMPv3Report, group(4, "239.1.1.1"), group(4, "239.1.1.2"))
	if n := testing.AllocsPerRun(100, func() {
		m, _ := wire.ParseMembership(frame)
		for _, _, ok := m.Next(); ok; _, _, ok = m.Next() {
		}
	}); n != 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}

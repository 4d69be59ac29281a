package lacp

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

// wire is a message as IEEE 802.1AX-2014, figure 6-7, draws it, line by line.
var wire = strings.Join([]string{
	"01 01",
	"01 14 8000 020000000001 0011 00ff 0003 3d 000000",
	"02 14 ffff 020000000002 0022 0100 0004 47 000000",
	"03 10 0000 000000000000000000000000",
	"00 00 " + strings.Repeat("00", 50),
}, " ")

func TestAMessageLooksAsTheStandardDrawsIt(t *testing.T) {
	want, err := hex.DecodeString(strings.ReplaceAll(wire, " ", ""))
	if err != nil || len(want) != Size {
		t.Fatal(len(want), err)
	}
	p := PDU{
		Actor: Info{
			SystemPriority: 0x8000, System: [6]byte{2, 0, 0, 0, 0, 1}, Key: 0x11, PortPriority: 0xff, Port: 3,
			State: Activity | Aggregation | Sync | Collecting | Distributing,
		},
		Partner: Info{
			SystemPriority: 0xffff, System: [6]byte{2, 0, 0, 0, 0, 2}, Key: 0x22, PortPriority: 0x100, Port: 4,
			State: Activity | Timeout | Aggregation | Defaulted,
		},
	}
	dirty := bytes.Repeat([]byte{0xff}, 300)
	if got := p.Append(dirty[:1])[1:]; !bytes.Equal(got, want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
	got, ok := Parse(append(want, 1, 2, 3))
	if !ok || got != p {
		t.Errorf("got %+v, %v, want %+v", got, ok, p)
	}
	if s := p.Partner.State.String(); s != "activity timeout aggregation defaulted" {
		t.Errorf("state: got %q", s)
	}
}

func TestWhatIsNoMessageIsNotTakenForOne(t *testing.T) {
	good := new(PDU).Append(nil)
	for _, c := range []struct {
		name string
		at   int
		to   byte
		ok   bool
	}{
		{"a marker", 0, 2, false},
		{"version 0", 1, 0, false},
		{"a later version", 1, 2, true},
		{"no actor first", offActor, 2, false},
		{"an actor too short", offActor + 1, 19, false},
		{"no partner second", offPartner, 1, false},
		{"a partner too long", offPartner + 1, 21, false},
		{"another collector", offCollector, 9, true},
	} {
		b := bytes.Clone(good)
		b[c.at] = c.to
		if _, ok := Parse(b); ok != c.ok {
			t.Errorf("%s: got %v, want %v", c.name, ok, c.ok)
		}
	}
	for n := range len(good) {
		if _, ok := Parse(good[:n]); ok {
			t.Errorf("%d of %d bytes are taken for a message", n, len(good))
		}
	}
}

// FuzzParse: what is read comes out again as it was, and a group that hears anything stays within its limits.
func FuzzParse(f *testing.F) {
	b, _ := hex.DecodeString(strings.ReplaceAll(wire, " ", ""))
	f.Add(b)
	f.Add(b[:50])
	f.Fuzz(func(t *testing.T, b []byte) {
		g := NewGroup(Options{Active: true, System: [6]byte{2, 0, 0, 0, 0, 9}})
		m, o := g.Join(MemberOptions{Port: 1}), g.Join(MemberOptions{Port: 2})
		p, ok := Parse(b)
		if m.Receive(b, 1) != ok || m.Attached() && m.Loops() || o.Attached() {
			t.Fatalf("%v: attached %v, %v", p, m.Attached(), o.Attached())
		}
		if !ok {
			return
		}
		if again, ok := Parse(p.Append(nil)); !ok || again != p {
			t.Errorf("got %+v, want %+v", again, p)
		}
		sent := 0
		for now := range int64(100) {
			m.Receive(b, now)
			g.Run(now, func(to *Member, _ *PDU) {
				if to == m {
					sent++
				}
			})
		}
		if sent > maxBurst {
			t.Errorf("%d messages in less than a second", sent)
		}
	})
}

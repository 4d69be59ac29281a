package table

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/encap/vtep"
)

const example = `
# two guests, one of them in a network of its own key
vni 7 mac 02:00:00:00:00:01 ip 10.0.0.1 ip 2001:db8::1 end 192.0.2.1 # the first
vni 7 mac 02:00:00:00:00:02	end 2001:db8:1::2 port 8472 key 8

vni 9 flood end 239.1.1.1
vni 9 mac 02:00:00:00:00:01 end 192.0.2.1
`

func TestATableSaysWhoIsWhere(t *testing.T) {
	table, err := parse([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	one, two := [6]byte{2, 0, 0, 0, 0, 1}, [6]byte{2, 0, 0, 0, 0, 2}
	addr := netip.MustParseAddr
	first := vtep.End{Addr: addr("192.0.2.1"), Key: 7}
	second := vtep.End{Addr: addr("2001:db8:1::2"), Port: 8472, Key: 8}
	want := answers{
		vtep.ForMAC(7, one):                {Ends: []vtep.End{first}},
		vtep.ForIP(7, addr("10.0.0.1")):    {Ends: []vtep.End{first}, MAC: one},
		vtep.ForIP(7, addr("2001:db8::1")): {Ends: []vtep.End{first}, MAC: one},
		vtep.ForMAC(7, two):                {Ends: []vtep.End{second}},
		vtep.ForFlood(7):                   {Ends: []vtep.End{first, second}},
		vtep.ForMAC(9, one):                {Ends: []vtep.End{{Addr: addr("192.0.2.1"), Key: 9}}},
		vtep.ForFlood(9):                   {Ends: []vtep.End{{Addr: addr("239.1.1.1"), Key: 9}}},
	}
	if !maps.EqualFunc(table, want, func(a, b vtep.Answer) bool { return a.Equal(&b) }) {
		t.Fatalf("got %v\nwant %v", table, want)
	}
}

func TestAnErrorSaysWhere(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"vlan 7", `1:1: "vlan" instead of "vni"`},
		{"\n\n  vni x", `3:7: "x" is not a VNI`},
		{"vni", `1:4: "" is not a VNI`},
		{"vni 4294967296 flood", `1:5: "4294967296" is not a VNI`},
		{"vni 7 guest", `1:7: "guest" instead of "mac" or "flood"`},
		{"vni 7 mac 2:0:0:0:0:1", `1:11: "2:0:0:0:0:1" is not the Ethernet address of a guest`},
		{"vni 7 mac 01:00:5e:00:00:01 end 192.0.2.1", `1:11: "01:00:5e:00:00:01" is not the Ethernet address of a guest`},
		{"vni 7 mac 00:00:00:00:00:00 end 192.0.2.1", `1:11: "00:00:00:00:00:00" is not the Ethernet address of a guest`},
		{"vni 7 mac 02:00:00:00:00:01", `1:28: "" instead of "end"`},
		{"vni 7 mac 02:00:00:00:00:01 ip ten", `1:32: "ten" is not an IP address`},
		{"vni 7 mac 02:00:00:00:00:01 end 239.1.1.1", `1:33: "239.1.1.1" is not an address to send to`},
		{"vni 7 mac 02:00:00:00:00:01 end 192.0.2.1 port 65536", `1:48: "65536" is not a UDP port`},
		{"vni 7 mac 02:00:00:00:00:01 end 192.0.2.1 key -1", `1:47: "-1" is not a key`},
		{"vni 7 mac 02:00:00:00:00:01 end 192.0.2.1 end 192.0.2.2", `1:43: "end" after the guest's end`},
		{"vni 7 flood", `1:12: "" instead of "end"`},
		{"vni 7 flood end fe80::1%0", `1:17: "fe80::1%0" is not an IP address`},
		{"vni 7 flood end 192.0.2.1\nvni 7 flood end 192.0.2.1", `2:7: a second line for vni 7 flood`},
		{"vni 7 mac 02:00:00:00:00:01 end 192.0.2.1\nvni 7 mac 02:00:00:00:00:01 end 192.0.2.2",
			`2:11: a second line for vni 7 mac 02:00:00:00:00:01`},
		{"vni 7 mac 02:00:00:00:00:01 ip 10.0.0.1 ip 10.0.0.1 end 192.0.2.1", `1:44: a second line for vni 7 ip 10.0.0.1`},
	} {
		_, err := parse([]byte(c.text))
		if err == nil || err.Error() != c.want {
			t.Errorf("%q: %v, want %s", c.text, err, c.want)
		}
	}
}

func TestATableIsBounded(t *testing.T) {
	if _, err := parse(make([]byte, MaxBytes+1)); err == nil {
		t.Error("a file of any length is read")
	}
	var b strings.Builder
	b.WriteString("vni 7 flood")
	for i := range vtep.MaxEnds + 1 {
		fmt.Fprintf(&b, " end 10.0.%d.%d", i/250, i%250+1)
	}
	if _, err := parse([]byte(b.String())); err == nil || !strings.Contains(err.Error(), "more than 512 ends") {
		t.Errorf("any number of ends: %v", err)
	}
}

// write is the table as text again, in an order of its own.
func write(a answers) string {
	var lines []string
	for q, x := range a {
		var ends string
		for _, e := range x.Ends {
			ends += fmt.Sprintf(" end %v key %d", e.Addr, e.Key)
			if e.Port != 0 {
				ends = fmt.Sprintf("%s port %d key %d", strings.TrimSuffix(ends, fmt.Sprintf(" key %d", e.Key)), e.Port, e.Key)
			}
		}
		switch q.Kind {
		case vtep.Flood:
			lines = append(lines, q.String()+ends)
		case vtep.ByMAC:
			line := q.String()
			for r, y := range a {
				if r.Kind == vtep.ByIP && r.VNI == q.VNI && y.MAC == q.MAC() {
					line += fmt.Sprintf(" ip %v", r.IP())
				}
			}
			lines = append(lines, line+ends)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func FuzzATable(f *testing.F) {
	f.Add([]byte(example))
	f.Add([]byte("vni 7 flood end 1.2.3.4 port 5 key 6 end ::2\n"))
	f.Add([]byte("vni 7 mac"))
	f.Fuzz(func(t *testing.T, data []byte) {
		table, err := parse(data)
		if err != nil {
			if _, ok := err.(*Error); !ok || table != nil {
				t.Fatalf("%v, %d answers", err, len(table))
			}
			return
		}
		for q, a := range table {
			if err := a.Check(q); err != nil {
				t.Fatalf("%v: %v", q, err)
			}
		}
		again, err := parse([]byte(write(table)))
		if err != nil || !maps.EqualFunc(table, again, func(a, b vtep.Answer) bool { return a.Equal(&b) }) {
			t.Fatalf("written and read again: %v\n%v\n%v\n%s", err, table, again, write(table))
		}
	})
}

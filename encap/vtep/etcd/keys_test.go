package main

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/encap/vtep"
)

var (
	there = vtep.Guest{VNI: 7, MAC: [6]byte{2, 0, 0, 0, 0, 1}, IP: netip.MustParseAddr("10.0.0.1"),
		End: vtep.End{Addr: netip.MustParseAddr("192.0.2.1"), Key: 7}}
	byMAC = vtep.ForMAC(7, there.MAC)
	byIP  = vtep.ForIP(7, there.IP)
	names = keys{prefix: "/t/"}
)

func TestKeysAndValuesComeBackAsTheyWere(t *testing.T) {
	other := there
	other.End = vtep.End{Addr: netip.MustParseAddr("2001:db8::1"), Port: 8472, Key: 9}
	for _, g := range []vtep.Guest{there, other} {
		for _, q := range questions(g) {
			p, err := names.parse(names.of(q))
			if err != nil || p.q != q {
				t.Errorf("%s: %v, %v", names.of(q), p, err)
			}
			a, err := decode(p, []byte(encode(q, g)))
			if err != nil || len(a.Ends) != 1 || a.Ends[0] != g.End {
				t.Errorf("%s: %v, %v", encode(q, g), a, err)
			}
			if q.Kind == vtep.ByIP && a.MAC != g.MAC {
				t.Errorf("%s: MAC %v", encode(q, g), a.MAC)
			}
		}
	}
	p, err := names.parse(names.ofEnd(7, other.End.Addr))
	if err != nil || p.q != vtep.ForFlood(7) || p.end != other.End.Addr {
		t.Errorf("%v, %v", p, err)
	}
	if got := names.of(byMAC); got != "/t/7/mac/02:00:00:00:00:01" {
		t.Error(got)
	}
}

func TestWhatIsNotOurKeyIsRefused(t *testing.T) {
	for _, key := range []string{"", "/t/", "/t/7", "/t/7/mac", "/t/7/mac/2", "/t/7/mac/01:00:5e:00:00:01", "/t/x/mac/02:00:00:00:00:01",
		"/t/4294967296/end/192.0.2.1", "/t/7/ip/ten", "/t/7/end/fe80::1%eth0", "/t/7/host/192.0.2.1", "/u/7/end/192.0.2.1",
		"/t/07/end/192.0.2.1", "/t/7/mac/02-00-00-00-00-01", "/t/7/mac/0A:00:00:00:00:01", "/t/7/ip/2001:DB8::1", "/t/7/end/::ffff:192.0.2.1"} {
		if p, err := names.parse(key); err == nil {
			t.Errorf("%q is %v", key, p)
		}
	}
	for _, text := range []string{"", "7", "{}", `{"addr":"127.0.0.1"}`, `{"addr":"192.0.2.1","port":65536}`} {
		if a, err := decode(place{q: byMAC}, []byte(text)); err == nil {
			t.Errorf("%q is %v", text, a)
		}
	}
	if a, err := decode(place{q: byIP}, []byte(`{"addr":"192.0.2.1"}`)); err == nil {
		t.Errorf("an address without a MAC is %v", a)
	}
}

func TestANetworkWithMoreEndsThanAnAnswerHasIsSaidSo(t *testing.T) {
	d := newDirectory(nil, names, nil)
	d.table = newTable()
	for n := range vtep.MaxEnds + 1 {
		if text := d.status().Text; strings.Contains(text, "more than") {
			t.Fatalf("%d ends: %s", n, text)
		}
		addr := netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)})
		d.read(d.table, names.ofEnd(7, addr), []byte(`{"addr":"`+addr.String()+`"}`))
	}
	if text := d.status().Text; !strings.Contains(text, ", 1 networks with more than 512 ends") {
		t.Error(text)
	}
	q := vtep.ForFlood(7)
	if a := d.table.find(q); len(a.Ends) != vtep.MaxEnds || a.Check(q) != nil {
		t.Errorf("%d ends, %v", len(a.Ends), a.Check(q))
	}
}

func FuzzAKey(f *testing.F) {
	f.Add("/t/7/mac/02:00:00:00:00:01", []byte(`{"addr":"192.0.2.1","port":1,"key":2}`))
	f.Add("/t/7/ip/10.0.0.1", []byte(`{"addr":"192.0.2.1","mac":"02:00:00:00:00:01"}`))
	f.Add("/t/7/end/2001:db8::1", []byte(`{"addr":"2001:db8::1"}`))
	f.Fuzz(func(t *testing.T, key string, text []byte) {
		d := newDirectory(nil, names, nil)
		table := newTable()
		q, ok := d.read(table, key, text)
		a := table.find(q)
		if ok && text != nil && a.None() || a.Check(q) != nil {
			t.Fatalf("%q %q: %v is %v", key, text, q, a)
		}
	})
}

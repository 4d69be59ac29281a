package direct

import (
	"net/netip"
	"testing"

	"github.com/culvertdev/culvert/encap/vtep"
	"github.com/culvertdev/culvert/encap/vtep/vteptest"
)

func TestEverybodyIsAtTheOtherEnd(t *testing.T) {
	p, err := New(vtep.End{Addr: netip.MustParseAddr("192.0.2.1"), Port: 8472})
	if err != nil {
		t.Fatal(err)
	}
	sink := vteptest.NewSink()
	if err := p.Start(sink); err != nil {
		t.Fatal(err)
	}
	want := vtep.End{Addr: netip.MustParseAddr("192.0.2.1"), Port: 8472, Key: 7}
	for _, q := range []vtep.Question{vtep.ForMAC(7, [6]byte{2}), vtep.ForFlood(7)} {
		if err := p.Ask(q); err != nil {
			t.Fatal(err)
		}
		if a, _ := sink.Got(q); len(a.Ends) != 1 || a.Ends[0] != want || a.Check(q) != nil {
			t.Errorf("%v: %v", q, a.Ends)
		}
	}
	ip := vtep.ForIP(7, netip.MustParseAddr("10.0.0.1"))
	if err := p.Ask(ip); err != nil {
		t.Fatal(err)
	}
	if a, ok := sink.Got(ip); !ok || !a.None() {
		t.Errorf("%v: %v", ip, a)
	}
	if s := p.Status(); !s.Up || s.Text != "to 192.0.2.1 port 8472" {
		t.Errorf("status %+v", s)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func TestAnEndIsAnAddressToSendTo(t *testing.T) {
	for _, addr := range []string{"0.0.0.0", "127.0.0.1", "::1", "239.1.1.1", "ff05::1"} {
		if _, err := New(vtep.End{Addr: netip.MustParseAddr(addr)}); err == nil {
			t.Errorf("%s is taken", addr)
		}
	}
	if _, err := New(vtep.End{}); err == nil {
		t.Error("no address is taken")
	}
}

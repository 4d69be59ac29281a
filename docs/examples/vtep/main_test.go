package main

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/encap/vtep"
	"github.com/culvertdev/culvert/encap/vtep/socket"
	"github.com/culvertdev/culvert/encap/vtep/vteptest"
)

func TestTheSwitchFindsGuestsByTheExample(t *testing.T) {
	dir, err := os.MkdirTemp("", "vtep") // a short path: sockets have 108 bytes for it
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- serve(l, []string{"192.0.2.1", "192.0.2.2"}) }()
	defer func() {
		l.Close()
		<-done
	}()

	p, err := socket.New(socket.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	sink := vteptest.NewSink()
	if err := p.Start(sink); err != nil {
		t.Fatal(err)
	}
	p.Tick(0) // connects
	sink.Until(t, "the connection", func() bool { return sink.Recoveries() == 1 })
	one, two := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	for _, c := range []struct {
		q    vtep.Question
		want []netip.Addr
	}{
		{vtep.ForMAC(7, [6]byte{2, 5, 192, 0, 2, 1}), []netip.Addr{one}},
		{vtep.ForMAC(7, [6]byte{6, 5, 192, 0, 2, 1}), nil},
		{vtep.ForIP(7, netip.MustParseAddr("10.0.0.1")), nil},
		{vtep.ForFlood(7), []netip.Addr{one, two}},
	} {
		if err := p.Ask(c.q); err != nil {
			t.Fatal(err)
		}
		a := sink.WaitFor(t, c.q)
		if err := a.Check(c.q); err != nil || len(a.Ends) != len(c.want) {
			t.Errorf("%v: %v, %v", c.q, a, err)
			continue
		}
		for i, e := range a.Ends {
			if e.Addr != c.want[i] || e.Key != 7 {
				t.Errorf("%v: %v", c.q, e)
			}
		}
	}
}

// The pieces of code on the documentation's page are the example's.
func TestTheDocumentationShowsTheExampleAsItIs(t *testing.T) {
	page, err := os.ReadFile("../../vtep.md")
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	parts := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllSubmatch(page, -1)
	if len(parts) == 0 {
		t.Fatal("no code on the page")
	}
	for _, p := range parts {
		if !strings.Contains(string(code), string(p[1])) {
			t.Errorf("not in the example:\n%s", p[1])
		}
	}
}

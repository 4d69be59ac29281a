package daemon

import (
	"net/netip"
	"testing"
	"time"

	"github.com/culvertdev/culvert/encap/vtep"
)

// A crier is a plug-in that counts what it is told of guests.
type crier struct{ announced, withdrawn int }

func (*crier) Start(vtep.Sink) error   { return nil }
func (*crier) Ask(vtep.Question) error { return nil }
func (*crier) Status() vtep.Status     { return vtep.Status{Up: true} }
func (*crier) Close() error            { return nil }
func (c *crier) Announce(vtep.Guest)   { c.announced++ }
func (c *crier) Withdraw(vtep.Guest)   { c.withdrawn++ }

// cry returns a directory with a crier, for as long as the test goes on.
func cry(t *testing.T) (*crier, *vtep.Directory) {
	t.Helper()
	plug := new(crier)
	d, err := vtep.New(vtep.Options{Clock: func() int64 { return 1 }}, plug, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return plug, d
}

func TestAGuestThatWasAwayBetweenTwoLooksIsAnnouncedAgain(t *testing.T) {
	plug, d := cry(t)
	g := newGuests()
	who := guest{7, [6]byte{2, 5: 1}}
	g.Claim(7, who.mac, netip.MustParseAddr("10.0.0.1"))
	for i, c := range []struct {
		since int64
		want  int
	}{{10, 2}, {10, 2}, {30, 4}, {30, 4}} { // the guest and its address
		at := place{port: 3, end: vtep.End{Addr: netip.MustParseAddr("192.0.2.1"), Key: 7}, since: c.since}
		g.settle(&sightings{here: map[guest]place{who: at}}, d, 1)
		if plug.announced != c.want || plug.withdrawn != 0 {
			t.Errorf("look %d: %d announcements, %d withdrawals, want %d and none", i, plug.announced, plug.withdrawn, c.want)
		}
	}
}

func TestAPacketMayBeAheadOfItsPortsCarrier(t *testing.T) {
	plug, d := cry(t)
	g := newGuests()
	look := func(at time.Duration, up bool) {
		seen := &sightings{here: make(map[guest]place), byFlow: vtep.End{Addr: netip.MustParseAddr("192.0.2.1")}, anyKey: true, up: map[uint32]bool{3: up}}
		g.settle(seen, d, int64(time.Hour+at))
	}
	g.Enter(7, [6]byte{2, 5: 1}, 3)
	look(0, false)
	if plug.announced != 0 || !g.hasNews() {
		t.Errorf("%d announcements without a carrier; another look is due: %v", plug.announced, g.hasNews())
	}
	look(100*time.Millisecond, true)
	if plug.announced != 1 || g.hasNews() {
		t.Errorf("%d announcements with a carrier, want one; another look is due: %v", plug.announced, g.hasNews())
	}
	g.Enter(7, [6]byte{2, 5: 2}, 3)
	look(1*time.Second, false)
	look(4*time.Second, false)
	look(5*time.Second, true)
	if plug.announced != 1 || g.hasNews() {
		t.Errorf("%d announcements, one of them of a guest whose port was down for long", plug.announced)
	}
}

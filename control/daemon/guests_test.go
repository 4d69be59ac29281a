package daemon

import (
	"net/netip"
	"testing"

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

func TestAGuestThatWasAwayBetweenTwoLooksIsAnnouncedAgain(t *testing.T) {
	plug := new(crier)
	d, err := vtep.New(vtep.Options{Clock: func() int64 { return 1 }}, plug, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
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

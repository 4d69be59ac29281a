package tunnel

import (
	"slices"
	"testing"

	"github.com/culvertdev/culvert/encap/vtep"
	"github.com/culvertdev/culvert/encap/wire"
)

// An outbox is a rules.Sender that counts packets.
type outbox struct{ n int }

func (o *outbox) Inject(uint32, []byte, []uint64) error { o.n++; return nil }

// TestWhatAGuestSaysCountsWhenItSaysIt: not when the packet goes on that had to wait; others may have said something since.
func TestWhatAGuestSaysCountsWhenItSaysIt(t *testing.T) {
	w := &witness{book: book{vtep.ForFlood(42): {State: vtep.Asked}}}
	b := newWitnessed(t, w, false).key("arp,dl_src=02:00:00:00:00:01,dl_dst=ff:ff:ff:ff:ff:ff,arp_op=1,arp_sha=02:00:00:00:00:01,arp_spa=10.0.0.1")
	packet := wire.NewARP(wire.Broadcast, wire.ARPRequest, guest1, addr1, [6]byte{}, addr1)
	var waiting Waiting
	var out outbox
	waiting.Send(&Parcel{Tunnel: b.port, Port: 3, Key: *b.s.Key, Packet: packet}, &out, 5)
	w.book[vtep.ForFlood(42)] = known("192.0.2.1")
	waiting.Changed(4, &out, 9)
	if want := []string{"claim 42 02:00:00:00:00:01 10.0.0.1 from 0 at 5"}; out.n != 1 || !slices.Equal(w.told, want) {
		t.Errorf("%d packets have gone out, and %q was said, want %q", out.n, w.told, want)
	}
}

//go:build integration

package overlay

import (
	"net/netip"
	"time"

	"github.com/culvertdev/culvert/bench/guest"
	"github.com/culvertdev/culvert/bench/traffic"
)

// patience is for a packet's way through it all on a busy machine.
const patience = 20 * time.Second

// exercise sends everything through the tunnel that hosts send: pings from both ends over both families, of few bytes,
// of as many as fit, and in fragments, and TCP both ways, every byte of it checked.
func (s *site) exercise(beyond *guest.Host, network byte) {
	s.Helper()
	s.exerciseWays(s.ways(beyond, network, network))
}

func (s *site) exerciseWays(ways []way) {
	s.Helper()
	s.sendAll(ways, 200*time.Millisecond)
}

// sendAll is exercise with TCP for so long each way.
func (s *site) sendAll(ways []way, tcp time.Duration) {
	s.Helper()
	for _, size := range []int{0, s.inner - 48, 2*s.inner + 100} { // 48: headers of IPv6 and ICMP
		for _, w := range ways {
			s.reach(w.from, w.to, size)
		}
	}
	for _, w := range ways {
		t, err := guest.Bulk(s.ctx, w.from, w.at, w.to, tcp)
		if err != nil {
			s.Error(err)
		}
		s.Logf("TCP to %s: %s", w.to, t)
	}
}

// A way is from one end of the overlay to an address of the other.
type way struct {
	from, at *guest.Host
	to       netip.Addr
}

// ways are those between alice, in one network, and who is beyond the tunnel, in another or the same.
func (s *site) ways(beyond *guest.Host, near, there byte) (all []way) {
	alice, far := overlay(near, 1), overlay(there, 2)
	for i := range alice {
		all = append(all, way{s.alice, beyond, far[i].Addr()}, way{beyond, s.alice, alice[i].Addr()})
	}
	return all
}

// reach waits until a ping of so many bytes is answered: ports come up, neighbours are found, senders are told how long
// packets may be.
func (s *site) reach(from *guest.Host, to netip.Addr, size int) {
	s.Helper()
	for end := time.Now().Add(patience); ; {
		// An error is the kernel's while a neighbour has not answered, or about the length.
		e, err := from.Ping(s.ctx, to, traffic.Ping{Count: 1, Size: size, Timeout: 200 * time.Millisecond})
		if err == nil && e.Received > 0 {
			return
		}
		if time.Now().After(end) {
			s.Fatalf("%s is not reached with %d bytes: %s, %v", to, size, e, err)
		}
	}
}

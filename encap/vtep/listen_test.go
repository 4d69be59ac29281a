package vtep

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// TestAHostListensToGroupsThoughItSendsNothing: the networks that it takes part in say which.
func TestAHostListensToGroupsThoughItSendsNothing(t *testing.T) {
	group := func(last byte) Answer {
		return Answer{Ends: []End{{Addr: netip.AddrFrom4([4]byte{192, 0, 2, last})}, {Addr: netip.AddrFrom4([4]byte{239, 0, 0, last})}}}
	}
	s := newStand(t, Options{})
	s.plug.knows = map[Question]Answer{ForFlood(7): group(1), ForFlood(8): group(2), ForFlood(9): {}}
	s.pass(time.Second)
	if got := s.Groups(); len(got) != 0 || len(s.plug.asked) != 0 {
		t.Errorf("%v of no network, after the questions %v", got, s.plug.asked)
	}
	s.Listen([]uint32{7, 9})
	s.pass(time.Second)
	if got := fmt.Sprint(s.Groups()); got != "[239.0.0.1]" {
		t.Errorf("groups %s, want that of network 7", got)
	}
	if s.notified == 0 {
		t.Error("nobody is told of them")
	}
	s.plug.knows[ForFlood(7)] = group(3)
	s.pass(time.Hour) // the answer is kept, and asked for again when its life is over
	if got := fmt.Sprint(s.Groups()); got != "[239.0.0.3]" {
		t.Errorf("groups %s, want those that network 7 has now", got)
	}
	s.Listen([]uint32{8})
	s.pass(time.Second)
	if got := fmt.Sprint(s.Groups()); got != "[239.0.0.2]" {
		t.Errorf("groups %s, want that of network 8", got)
	}
}

package vtep

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

func TestOneNetworkCannotHaveAllThePlacesToWait(t *testing.T) {
	s := newStand(t, Options{MaxWaiting: 10})
	for n := range byte(20) {
		s.Ask(ForMAC(7, mac(n)), true)
	}
	if o := s.Status(); o.Waiting != 5 {
		t.Fatalf("%d wait", o.Waiting)
	}
	s.expect(ForMAC(7, mac(100)), true, Refused)
	s.expect(ForMAC(8, mac(1)), true, Asked)
}

func TestQuestionsHaveARate(t *testing.T) {
	s := newStand(t, Options{Rate: 10})
	for n := range byte(20) {
		s.Ask(ForMAC(uint32(n), mac(n)), true)
	}
	if len(s.plug.asked) != 10 || s.tally.limited != 10 {
		t.Fatalf("asked %d, refused %d", len(s.plug.asked), s.tally.limited)
	}
	s.now += int64(time.Second)
	s.expect(ForMAC(50, mac(1)), true, Asked)
}

func TestOneNetworkCannotHaveAllTheQuestionsOfASecond(t *testing.T) {
	s := newStand(t, Options{Rate: 10, NegativeLife: time.Second, Life: time.Second})
	s.plug.knows = map[Question]Answer{} // nothing waits
	for n := range byte(100) {
		s.plug.knows[ForMAC(7, mac(n))] = Answer{}
		s.plug.knows[ForMAC(8, mac(n))] = Answer{}
	}
	next := byte(0)
	for second := range byte(5) { // what was asked is asked again when it is old, as well
		for range 20 {
			s.Ask(ForMAC(7, mac(next)), true)
			next = (next + 1) % 100
		}
		for n := range byte(2) {
			s.expect(ForMAC(8, mac(10*second+n)), true, None)
		}
		s.expect(ForMAC(7, mac(next)), true, Refused)
		s.pass(time.Second)
	}
}

// TestWhatTheRateStandsAgainstIsLookedAtWhenItIsItsTurn: not again and again by each Tick until then.
func TestWhatTheRateStandsAgainstIsLookedAtWhenItIsItsTurn(t *testing.T) {
	s := newStand(t, Options{})
	s.plug.knows = map[Question]Answer{}
	const n = 20000
	for i := range uint32(n) {
		q := ForMAC(i%100, [6]byte{2, 4: byte(i / 100 >> 8), 5: byte(i / 100)})
		s.plug.knows[q] = at(1)
		s.Answer(q, at(1))
	}
	if known := s.Status().Known; known != n {
		t.Fatalf("%d answers are known", known)
	}
	s.Recovered()
	behind := func() (sum int64) {
		for _, n := range s.behind {
			sum += n
		}
		return sum
	}
	looks := behind()
	for range 250 {
		s.pass(100 * time.Millisecond)
		looks += behind()
	}
	if len(s.plug.asked) < n || looks > 3*n {
		t.Errorf("%d of %d answers were asked for anew; %d times one was looked at in vain", len(s.plug.asked), n, looks)
	}
}

func TestANetworkWithFewQuestionsDoesNotWaitForThoseOfOthers(t *testing.T) {
	s := newStand(t, Options{})
	s.plug.knows = map[Question]Answer{}
	knows := func(vni uint32, i int) {
		q := ForMAC(vni, [6]byte{2, 4: byte(i >> 8), 5: byte(i)})
		s.plug.knows[q] = at(1)
		s.Answer(q, at(1))
	}
	const many, few = 10000, 30
	for i := range many {
		knows(7, i)
		knows(8, i)
	}
	for i := range few {
		knows(9, i)
	}
	s.Recovered()
	s.pass(2 * time.Second)
	asked := 0
	for _, q := range s.plug.asked {
		if q.VNI == 9 {
			asked++
		}
	}
	if asked != few {
		t.Errorf("%d of %d are asked about within two seconds", asked, few)
	}
}

func TestNetworksThatAskNoMoreAreForgotten(t *testing.T) {
	s := newStand(t, Options{Rate: 1000})
	for n := range uint32(5000) {
		s.Ask(ForMAC(n, mac(1)), true)
		s.now += int64(10 * time.Millisecond)
	}
	if n := len(s.asks.nets); n > 300 {
		t.Errorf("%d networks are remembered", n)
	}
}

func TestNobodyNeverPushesAnAnswerOut(t *testing.T) {
	s := newStand(t, Options{MaxNegative: 4, Rate: 1000})
	good := ForMAC(7, mac(1))
	s.plug.knows = map[Question]Answer{good: at(1)}
	s.expect(good, true, Known)
	var v uint64
	s.changes(&v)
	for n := range byte(100) {
		q := ForMAC(9, mac(100+n))
		s.plug.knows[q] = Answer{}
		s.expect(q, true, None)
	}
	s.expect(good, false, Known)
	if o := s.Status(); o.Negative != 4 || s.tally.crowded != 96 {
		t.Fatalf("%d negative answers, %d forgotten", o.Negative, s.tally.crowded)
	}
	if n := len(s.changes(&v)); n != 196 {
		t.Fatalf("%d changes: who leaves is one as well", n)
	}
}

func TestTheAnswerUnusedLongestMakesRoom(t *testing.T) {
	s := newStand(t, Options{MaxKnown: 3})
	s.plug.knows = map[Question]Answer{}
	for n := range byte(3) {
		s.plug.knows[ForMAC(7, mac(n))] = at(1)
		s.expect(ForMAC(7, mac(n)), true, Known)
	}
	s.expect(ForMAC(7, mac(0)), true, Known)
	s.plug.knows[ForMAC(7, mac(3))] = at(1)
	s.expect(ForMAC(7, mac(3)), true, Known)
	s.expect(ForMAC(7, mac(1)), false, Unknown)
	s.expect(ForMAC(7, mac(0)), false, Known)
}

func TestWhoFallsTooFarBehindHearsThatEverythingChanged(t *testing.T) {
	s := newStand(t, Options{})
	q := ForMAC(7, mac(1))
	s.plug.knows = map[Question]Answer{q: at(1)}
	s.expect(q, true, Known)
	var c ChangeSet
	v := s.Changes(0, &c)
	if !c.All {
		t.Fatal("the first call")
	}
	for n := range logged + 1 {
		s.Answer(q, at(byte(n%2+2)))
		if n == logged-1 {
			if c.Reset(); s.Changes(v, &c) != v+logged || c.All || len(c.Changes) != logged {
				t.Fatalf("%d changes, all %v", len(c.Changes), c.All)
			}
		}
	}
	if c.Reset(); s.Changes(v, &c) != v+logged+1 || !c.All {
		t.Fatal("a change is lost")
	}
}

// What a Directory has in its heap, on its shelves and in its index is the same, whatever happens to it.
func TestTheBookIsKeptWhateverHappens(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	s := newStand(t, Options{MaxKnown: 8, MaxNegative: 4, MaxWaiting: 6, Rate: 50, Life: 10 * time.Second, FloodUnknown: true})
	for range 20000 {
		q := ForMAC(uint32(rng.IntN(3)), mac(byte(rng.IntN(20))))
		switch rng.IntN(10) {
		case 0, 1, 2, 3:
			s.Ask(q, rng.IntN(2) == 0)
		case 4, 5:
			s.Answer(q, at(byte(rng.IntN(3)+1)))
		case 6:
			s.Answer(q, Answer{})
		case 7:
			s.Invalidate(Scope{What: What(rng.IntN(40) / 38), Question: q, End: [...]netip.Addr{{}, at(1).Ends[0].Addr}[rng.IntN(2)]})
		case 8:
			s.pass(time.Duration(rng.IntN(20)) * 100 * time.Millisecond)
		case 9:
			if rng.IntN(20) == 0 {
				s.Recovered()
			}
		}
		s.audit()
	}
}

func (s *stand) audit() {
	s.t.Helper()
	b := s.book
	if len(b.due) != len(b.index) || len(b.index)+len(b.free)+shelves != len(b.entries) {
		s.t.Fatalf("%d due, %d in the index, %d free of %d", len(b.due), len(b.index), len(b.free), len(b.entries))
	}
	var count [shelves]int
	for at, i := range b.due {
		e := &b.entries[i]
		if b.index[e.q] != i || int(e.at) != at || at > 0 && b.entries[b.due[(at-1)/2]].due > e.due {
			s.t.Fatalf("entry %d of %v is out of place", i, e.q)
		}
		if (e.have == ends) == e.a.None() {
			s.t.Fatalf("%v has %d and %d ends", e.q, e.have, len(e.a.Ends))
		}
		count[shelf[e.have]]++
	}
	if count != b.count || count[1] > s.opt.MaxKnown || count[2] > s.opt.MaxNegative {
		s.t.Fatalf("shelves hold %v, counted %v", count, b.count)
	}
	for n := range int32(shelves) {
		walked := 0
		for i := b.entries[n].next; i != n; i = b.entries[i].next {
			walked++
		}
		if walked != count[n] {
			s.t.Fatalf("shelf %d has %d entries, %d in its list", n, count[n], walked)
		}
	}
}

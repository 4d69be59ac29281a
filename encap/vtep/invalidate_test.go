package vtep

import (
	"net/netip"
	"slices"
	"testing"
	"time"
)

func TestAnInvalidationConcernsWhatItNames(t *testing.T) {
	one, two, other := ForMAC(7, mac(1)), ForMAC(7, mac(2)), ForMAC(8, mac(1))
	addr := netip.MustParseAddr
	for _, c := range []struct {
		name  string
		scope Scope
		gone  []Question
	}{
		{"one", Scope{Question: one}, []Question{one}},
		{"one, if it leads there", Scope{Question: one, End: addr("192.0.2.1")}, []Question{one}},
		{"one, which leads elsewhere", Scope{Question: one, End: addr("192.0.2.2")}, nil},
		{"one that is not known", Scope{Question: ForMAC(9, mac(1))}, nil},
		{"a network", Scope{What: Net, Question: Question{VNI: 7}}, []Question{one, two}},
		{"an end that has died", Scope{What: Everything, End: addr("192.0.2.1")}, []Question{one, other}},
		{"everything", Scope{What: Everything}, []Question{one, two, other}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStand(t, Options{})
			s.plug.knows = map[Question]Answer{one: at(1), two: at(2), other: at(1)}
			for q := range s.plug.knows {
				s.expect(q, true, Known)
			}
			var v uint64
			s.changes(&v)
			s.Invalidate(c.scope)
			got := s.changes(&v)
			slices.SortFunc(got, func(a, b Question) int { return a.compare(&b) })
			if !slices.Equal(got, c.gone) {
				t.Fatalf("changed: %v, want %v", got, c.gone)
			}
			for q := range s.plug.knows {
				want := Known
				if slices.Contains(c.gone, q) {
					want = Unknown
				}
				s.expect(q, false, want)
			}
		})
	}
}

func TestAnAnswerFromBeforeAnInvalidationIsAskedForAgain(t *testing.T) {
	s := newStand(t, Options{})
	q := ForMAC(7, mac(1))
	s.expect(q, true, Asked)
	s.Invalidate(Scope{Question: q})
	s.Answer(q, at(1)) // under way while the guest moved
	s.expect(q, true, Asked)
	if len(s.plug.asked) != 2 {
		t.Fatalf("asked %d times", len(s.plug.asked))
	}
	s.Answer(q, at(2))
	if r := s.expect(q, true, Known); !r.Answer.Has(netip.MustParseAddr("192.0.2.2")) {
		t.Fatalf("answer %v", r.Answer)
	}
}

func TestAnInvalidationDuringARefreshTakesTheOldAnswerAway(t *testing.T) {
	s := newStand(t, Options{Life: time.Minute})
	q := ForMAC(7, mac(1))
	s.plug.knows = map[Question]Answer{q: at(1)}
	s.expect(q, true, Known)
	s.expect(q, true, Known)
	s.plug.knows = nil
	s.pass(time.Minute)
	s.Invalidate(Scope{Question: q})
	s.expect(q, false, Asked)
}

func TestAnAnswerThatNobodyAskedForReplacesWhatIsKnown(t *testing.T) {
	s := newStand(t, Options{MaxKnown: 4})
	q := ForMAC(7, mac(1))
	s.plug.knows = map[Question]Answer{q: at(1)}
	s.expect(q, true, Known)
	s.Answer(q, at(2))
	if r := s.expect(q, true, Known); !r.Answer.Has(netip.MustParseAddr("192.0.2.2")) {
		t.Fatalf("answer %v", r.Answer)
	}
	for n := range byte(10) {
		s.Answer(ForMAC(7, mac(10+n)), at(1))
	}
	if o := s.Status(); o.Known != 2 {
		t.Fatalf("%d answers known; those that nobody asked for may take half of the room", o.Known)
	}
}

func TestARecoveredPlugInIsAskedAboutEverythingWhileOldAnswersServe(t *testing.T) {
	s := newStand(t, Options{})
	q := ForMAC(7, mac(1))
	s.plug.knows = map[Question]Answer{q: at(1)}
	s.expect(q, true, Known)
	s.plug.knows = nil
	s.Recovered()
	s.expect(q, true, Known)
	if len(s.plug.asked) != 2 {
		t.Fatalf("asked %d times", len(s.plug.asked))
	}
	s.Answer(q, at(2))
	if r := s.expect(q, true, Known); !r.Answer.Has(netip.MustParseAddr("192.0.2.2")) {
		t.Fatalf("answer %v", r.Answer)
	}
}

func TestWrongAnswersAreCountedAndNotTaken(t *testing.T) {
	q := ForMAC(7, mac(1))
	ip := ForIP(7, netip.MustParseAddr("10.0.0.1"))
	to := func(s string) Answer { return Answer{Ends: []End{{Addr: netip.MustParseAddr(s)}}} }
	for name, c := range map[string]struct {
		q Question
		a Answer
	}{
		"no address":            {q, Answer{Ends: []End{{}}}},
		"nowhere":               {q, to("0.0.0.0")},
		"this host":             {q, to("127.0.0.1")},
		"all":                   {q, to("255.255.255.255")},
		"a group for one guest": {q, to("239.1.1.1")},
		"a mapped address":      {q, to("::ffff:192.0.2.1")},
		"a zone":                {q, to("fe80::1%eth0")},
		"two ends":              {q, Answer{Ends: append(at(1).Ends, at(2).Ends...)}},
		"no MAC":                {ip, at(1)},
		"a group's MAC":         {ip, Answer{Ends: at(1).Ends, MAC: [6]byte{1}}},
		"a negative life":       {q, Answer{Ends: at(1).Ends, Life: -1}},
		"a life without end":    {q, Answer{Ends: at(1).Ends, Life: MaxLife + 1}},
		"too many ends":         {ForFlood(7), Answer{Ends: make([]End, MaxEnds+1)}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t, Options{})
			s.expect(c.q, true, Asked)
			s.Answer(c.q, c.a)
			s.expect(c.q, true, Asked)
			if s.tally.wrong != 1 || s.Status().Fault == "" {
				t.Fatal("neither counted nor shown")
			}
		})
	}
}

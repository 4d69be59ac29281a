package vtep

import (
	"net/netip"
	"slices"
	"testing"
	"time"
)

func TestAQuestionIsAskedOnceAndItsAnswerIsAChange(t *testing.T) {
	s := newStand(t, Options{})
	q := ForMAC(7, mac(1))
	var v uint64
	s.changes(&v)
	s.expect(q, true, Asked)
	s.expect(q, true, Asked)
	s.expect(q, false, Asked)
	if len(s.plug.asked) != 1 {
		t.Fatalf("asked %d times", len(s.plug.asked))
	}
	s.Answer(q, at(1))
	if r := s.expect(q, true, Known); !r.Answer.Equal(&Answer{Ends: at(1).Ends}) {
		t.Fatalf("answer %v", r.Answer)
	}
	if got := s.changes(&v); !slices.Equal(got, []Question{q}) || s.notified != 1 {
		t.Fatalf("changes %v, told %d times", got, s.notified)
	}
}

func TestWithoutAPacketNothingIsAsked(t *testing.T) {
	s := newStand(t, Options{})
	s.expect(ForMAC(7, mac(1)), false, Unknown)
	if len(s.plug.asked) != 0 {
		t.Fatal("the plug-in was asked")
	}
}

func TestAPlugInThatKnowsAnswersAtOnce(t *testing.T) {
	s := newStand(t, Options{})
	q := ForIP(7, netip.MustParseAddr("10.0.0.1"))
	a := at(1)
	a.MAC = mac(1)
	s.plug.knows = map[Question]Answer{q: a}
	if r := s.expect(q, true, Known); r.Answer.MAC != mac(1) {
		t.Fatalf("MAC %v", r.Answer.MAC)
	}
}

func TestNobodyIsRememberedAndAskedAboutAgainWhileWanted(t *testing.T) {
	s := newStand(t, Options{})
	q := ForMAC(7, mac(1))
	s.plug.knows = map[Question]Answer{q: {}}
	for range 10 {
		s.expect(q, true, None)
	}
	if len(s.plug.asked) != 1 {
		t.Fatalf("asked %d times", len(s.plug.asked))
	}
	s.plug.knows[q] = at(1)
	s.pass(6 * time.Second)
	s.expect(q, true, Known)
}

func TestNobodyThatNobodyWantsIsForgottenAndItsFlowsHear(t *testing.T) {
	s := newStand(t, Options{})
	q := ForMAC(7, mac(1))
	s.plug.knows = map[Question]Answer{q: {}}
	s.expect(q, true, None)
	s.pass(6 * time.Second) // it was wanted once
	var v uint64
	s.changes(&v)
	s.pass(6 * time.Second)
	s.expect(q, false, Unknown)
	if got := s.changes(&v); !slices.Equal(got, []Question{q}) {
		t.Fatalf("changes %v", got)
	}
}

func TestASilentPlugInIsAskedThriceThenTheQuestionIsUnanswered(t *testing.T) {
	s := newStand(t, Options{})
	q := ForMAC(7, mac(1))
	s.expect(q, true, Asked)
	s.pass(4 * time.Second)
	s.expect(q, true, Unanswered)
	if len(s.plug.asked) != 3 {
		t.Fatalf("asked %d times", len(s.plug.asked))
	}
	s.Recovered()
	s.expect(q, true, Asked)
}

func TestWhatIsCachedOutlivesThePlugIn(t *testing.T) {
	s := newStand(t, Options{})
	q := ForMAC(7, mac(1))
	s.plug.knows = map[Question]Answer{q: at(1)}
	s.expect(q, true, Known)
	s.plug.knows, s.plug.down = nil, errDown
	var v uint64
	s.changes(&v)
	for range 6 * 60 {
		s.pass(10 * time.Second)
		if len(s.changes(&v)) > 0 {
			s.expect(q, false, Known) // the revalidator looks the flow up again
		}
	}
	s.expect(q, true, Known)
	if l := s.Lines(); len(l) != 1 || !l[0].Stale {
		t.Fatalf("shown as %+v", l)
	}
	if o := s.Status(); o.Fault != errDown.Error() {
		t.Fatalf("fault %q", o.Fault)
	}
}

func TestAnAnswerThatNobodyUsesIsForgotten(t *testing.T) {
	s := newStand(t, Options{})
	q := ForMAC(7, mac(1))
	s.plug.knows = map[Question]Answer{q: at(1)}
	s.expect(q, true, Known)
	s.pass(20 * time.Minute)
	s.expect(q, false, Unknown)
	if n := len(s.book.due); n != 0 {
		t.Fatalf("%d entries left", n)
	}
}

func TestAnAnswerInUseIsRefreshedAndFollowsAMove(t *testing.T) {
	s := newStand(t, Options{Life: time.Minute})
	q := ForMAC(7, mac(1))
	s.plug.knows = map[Question]Answer{q: at(1)}
	s.expect(q, true, Known)
	s.plug.knows[q] = at(2)
	s.expect(q, true, Known)
	var v uint64
	s.changes(&v)
	s.pass(time.Minute + time.Second)
	if r := s.expect(q, true, Known); !r.Answer.Has(netip.MustParseAddr("192.0.2.2")) {
		t.Fatalf("answer %v", r.Answer)
	}
	if got := s.changes(&v); !slices.Equal(got, []Question{q}) {
		t.Fatalf("changes %v", got)
	}
}

func TestWhatIsUnknownGoesToAllIfTheProfileSaysSo(t *testing.T) {
	s := newStand(t, Options{FloodUnknown: true, Self: []netip.Addr{netip.MustParseAddr("192.0.2.9")}})
	q, all := ForMAC(7, mac(1)), ForFlood(7)
	flood := Answer{Ends: append(append(at(1).Ends, at(9).Ends...), at(2).Ends...)}
	s.plug.knows = map[Question]Answer{q: {}, all: flood}
	r := s.Ask(q, true)
	if r.State != Known || !r.Flooded || len(r.Answer.Ends) != 2 || r.Answer.Has(netip.MustParseAddr("192.0.2.9")) {
		t.Fatalf("%+v", r)
	}
	if want := s.tag(&q) | s.tag(&all); r.Tags != want {
		t.Fatalf("tags %#x, want %#x", r.Tags, want)
	}
}

func TestAClosedDirectoryAnswersWhatItKnowsAndAsksNobody(t *testing.T) {
	s := newStand(t, Options{})
	q := ForMAC(7, mac(1))
	s.plug.knows = map[Question]Answer{q: at(1)}
	s.expect(q, true, Known)
	if err := s.Close(); err != nil || !s.plug.closed {
		t.Fatal(err)
	}
	s.expect(q, true, Known)
	s.expect(ForMAC(7, mac(2)), true, Unknown)
	if len(s.plug.asked) != 1 {
		t.Fatal("a closed plug-in was asked")
	}
}

func TestAGroupAddressIsTheQuestionForAll(t *testing.T) {
	if q := ForMAC(7, [6]byte{1, 0, 0x5e, 0, 0, 1}); q != ForFlood(7) {
		t.Fatal(q)
	}
}

func TestWhatIsKnownIsAnsweredWithoutGarbage(t *testing.T) {
	s := newStand(t, Options{})
	q := ForMAC(7, mac(1))
	s.plug.knows = map[Question]Answer{q: at(1)}
	s.Ask(q, true)
	if n := testing.AllocsPerRun(100, func() { s.Ask(q, true) }); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func TestQuestionsSayWhatTheyAre(t *testing.T) {
	for _, c := range []struct {
		q    Question
		want string
	}{
		{ForMAC(7, mac(1)), "vni 7 mac 02:00:00:00:00:01"},
		{ForIP(7, netip.MustParseAddr("10.0.0.1")), "vni 7 ip 10.0.0.1"},
		{ForIP(7, netip.MustParseAddr("::ffff:10.0.0.1")), "vni 7 ip 10.0.0.1"},
		{ForIP(7, netip.MustParseAddr("2001:db8::1")), "vni 7 ip 2001:db8::1"},
		{ForFlood(7), "vni 7 flood"},
	} {
		if got := c.q.String(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	if ForIP(7, netip.MustParseAddr("::a00:1")) == ForIP(7, netip.MustParseAddr("10.0.0.1")) {
		t.Error("an IPv6 address is taken for an IPv4 one")
	}
}

func TestWhoGetsWhatGoesToAllFollowsThisHostsOwnEnds(t *testing.T) {
	s := newStand(t, Options{})
	one, two := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	all := Answer{Ends: []End{{Addr: one, Key: 7}, {Addr: two, Key: 7}}}
	s.plug.knows = map[Question]Answer{ForFlood(7): all, ForMAC(7, [6]byte{2}): {Ends: all.Ends[:1]}}
	guest := s.Ask(ForMAC(7, [6]byte{2}), true)
	if r := s.Ask(ForFlood(7), true); len(r.Answer.Ends) != 2 {
		t.Fatalf("%+v", r)
	}
	var c ChangeSet
	version := s.Changes(0, &c)
	s.SetSelf([]netip.Addr{one})
	s.SetSelf([]netip.Addr{one})
	c.Reset()
	if s.Changes(version, &c); len(c.Changes) != 1 || c.Changes[0].Question != ForFlood(7) || s.notified == 0 {
		t.Errorf("changes %+v, notified %d times", c, s.notified)
	}
	if r := s.Ask(ForFlood(7), true); len(r.Answer.Ends) != 1 || r.Answer.Ends[0].Addr != two {
		t.Errorf("%+v", r)
	}
	if r := s.Ask(ForMAC(7, [6]byte{2}), false); r.State != Known || !r.Answer.Equal(&guest.Answer) {
		t.Errorf("%+v", r)
	}
}

// An aged is a plug-in that notes what it hears of before it is told the time.
type aged struct {
	fake
	now   int64
	early []Question
}

func (a *aged) Start(s Sink) error {
	s.Recovered()
	return a.fake.Start(s)
}

func (a *aged) Tick(now int64) { a.now = now }

func (a *aged) Ask(q Question) error {
	if a.now == 0 {
		a.early = append(a.early, q)
	}
	return a.fake.Ask(q)
}

func TestAPlugInKnowsWhatTimeItIsBeforeItIsAsked(t *testing.T) {
	look, inv := new(aged), new(aged)
	d, err := New(Options{Clock: func() int64 { return int64(time.Hour) }}, look, inv)
	if err != nil {
		t.Fatal(err)
	}
	d.Ask(ForMAC(7, mac(1)), true)
	if len(look.asked) != 1 || len(look.early) != 0 || inv.now != int64(time.Hour) {
		t.Errorf("asked %v, of these %v before it was told the time; the other was told %d", look.asked, look.early, inv.now)
	}
}

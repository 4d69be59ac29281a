package daemon

import (
	"net/netip"
	"testing"
	"time"

	"github.com/culvertdev/culvert/encap/vtep"
)

// A crier is a plug-in that counts what it is told of guests, and what it is asked.
type crier struct {
	vtep.Sink
	announced, withdrawn, asked int
}

func (c *crier) Start(s vtep.Sink) error { c.Sink = s; return nil }
func (c *crier) Ask(vtep.Question) error { c.asked++; return nil }
func (*crier) Status() vtep.Status       { return vtep.Status{Up: true} }
func (*crier) Close() error              { return nil }
func (c *crier) Announce(vtep.Guest)     { c.announced++ }
func (c *crier) Withdraw(vtep.Guest)     { c.withdrawn++ }

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
	g.Claim(word(who.mac, netip.MustParseAddr("10.0.0.1")))
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
	g.Enter(7, [6]byte{2, 5: 1}, 3, 1)
	look(0, false)
	if plug.announced != 0 || !g.hasNews() {
		t.Errorf("%d announcements without a carrier; another look is due: %v", plug.announced, g.hasNews())
	}
	look(100*time.Millisecond, true)
	if plug.announced != 1 || g.hasNews() {
		t.Errorf("%d announcements with a carrier, want one; another look is due: %v", plug.announced, g.hasNews())
	}
	g.Enter(7, [6]byte{2, 5: 2}, 3, 1)
	look(1*time.Second, false)
	look(4*time.Second, false)
	look(5*time.Second, true)
	if plug.announced != 1 || g.hasNews() {
		t.Errorf("%d announcements, one of them of a guest whose port was down for long", plug.announced)
	}
}

// TestPacketsOfAGuestSayWhereItIsSince: what is cached is counted later, and a directory is late.
func TestPacketsOfAGuestSayWhereItIsSince(t *testing.T) {
	plug, d := cry(t)
	g := newGuests()
	who := guest{7, [6]byte{2, 5: 1}}
	end := func(n byte) vtep.End { return vtep.End{Addr: netip.AddrFrom4([4]byte{192, 0, 2, n}), Key: 7} }
	version := d.Changes(0, new(vtep.ChangeSet))
	at := func(after time.Duration) int64 { return int64(time.Hour + after) }
	look := func(after time.Duration, want bool) []departure {
		t.Helper()
		var set vtep.ChangeSet
		version = d.Changes(version, &set)
		g.changed(d, &set, at(after))
		left := g.settle(&sightings{here: make(map[guest]place), byFlow: end(1), anyKey: true, up: map[uint32]bool{3: true, 4: true}}, d, at(after))
		if here, _ := g.Has(7, who.mac); here != want {
			t.Errorf("after %v: it is here: %v, want %v", after, here, want)
		}
		return left
	}
	says := func(n byte) { plug.Answer(who.question(), vtep.Answer{Ends: []vtep.End{end(n)}}) }
	says(2) // where it was before
	g.Enter(7, who.mac, 3, at(0))
	look(10*time.Millisecond, true)
	look(20*time.Millisecond, true)
	if !g.hasNews() {
		t.Error("nobody looks again")
	}
	says(1)
	look(time.Second, true)
	g.Enter(7, who.mac, 4, at(2*time.Second))
	g.Enter(7, who.mac, 3, at(time.Second)) // before it went to another port
	look(2*time.Second, true)
	g.Enter(7, who.mac, 3, at(time.Second))
	look(3*time.Second, true)
	if p := g.stays[who].at.port; p != 4 {
		t.Errorf("it is at port %d", p)
	}
	says(2)
	if left := look(4*time.Second, false); len(left) != 1 || left[0] != (departure{who.mac, 4}) {
		t.Errorf("%v have left", left)
	}
	g.Enter(7, who.mac, 4, at(4*time.Second-1))
	look(5*time.Second, false)
	g.Enter(7, who.mac, 4, at(5*time.Second))
	look(5*time.Second, true)
	if plug.announced != 3 || plug.withdrawn != 1 {
		t.Errorf("%d announcements, %d withdrawals", plug.announced, plug.withdrawn)
	}
}

func TestGuestsThatNoBridgeKnowsAreBoundedAndStay(t *testing.T) {
	plug, d := cry(t)
	g := newGuests()
	const most = maxSilent * ample / (ample + 1) // at one port
	for round := range 3 {
		for i := range maxSilent + 100 {
			g.Enter(7, [6]byte{2, 4: byte(i >> 8), 5: byte(i)}, 3, int64(time.Hour)+int64(round))
		}
		g.settle(&sightings{here: make(map[guest]place), byFlow: vtep.End{Addr: netip.MustParseAddr("192.0.2.1")}, up: map[uint32]bool{3: true}}, d, int64(time.Hour))
		if plug.announced != most || plug.withdrawn != 0 || g.crowded.Load() != uint64((maxSilent+100-most)*(round+1)) {
			t.Errorf("round %d: %d announcements, %d withdrawals, want %d and none; %d times there was no room", round, plug.announced, plug.withdrawn, most, g.crowded.Load())
		}
	}
}

func TestTheDirectoryIsBelievedWhenItHasSaidForAWhileThatAGuestIsElsewhere(t *testing.T) {
	plug, d := cry(t)
	g := newGuests()
	who := guest{7, [6]byte{2, 5: 1}}
	end := func(n byte) vtep.End { return vtep.End{Addr: netip.AddrFrom4([4]byte{192, 0, 2, n}), Key: 7} }
	now, version := int64(time.Hour), d.Changes(0, new(vtep.ChangeSet))
	look := func(since int64) {
		g.settle(&sightings{here: map[guest]place{who: {port: 3, end: end(1), since: since}}}, d, now)
	}
	// says has the directory say where the guest is, after a time, and fails unless that is believed as wanted after another.
	says := func(after time.Duration, n byte, later time.Duration, want bool) {
		t.Helper()
		now += int64(after)
		if n != 0 {
			plug.Answer(who.question(), vtep.Answer{Ends: []vtep.End{end(n)}})
		}
		var set vtep.ChangeSet
		version = d.Changes(version, &set)
		g.changed(d, &set, now)
		now += int64(later)
		if got := g.believed(d, now); (len(got) == 1 && got[0] == who) != want {
			t.Errorf("%v later %v are believed to be elsewhere", later, got)
		}
	}
	look(10)
	if plug.asked != 1 {
		t.Errorf("the directory was asked %d times where the guest is that it was told of", plug.asked)
	}
	says(0, 1, time.Minute, false)
	says(0, 2, doubtTime/2, false)
	says(0, 1, time.Minute, false) // it was from before
	says(0, 2, doubtTime-1, false)
	says(0, 0, 1, true)
	look(20) // the guest has sent something here
	says(0, 0, 2*doubtTime-1, false)
	says(0, 0, 1, true) // and the directory does not heed it
	look(30)
	says(0, 0, 4*doubtTime-1, false)
	says(0, 1, time.Minute, false)
	says(0, 2, doubtTime, true)
	says(0, 1, 0, false)

	plug.Invalidate(vtep.Scope{Question: who.question()})
	says(0, 0, 0, false)
	look(20)
	if plug.asked != 2 {
		t.Errorf("asked %d times: want again, after the answer was withdrawn", plug.asked)
	}
}

func TestQuestionsAboutManyGuestsAreSpreadOverLooks(t *testing.T) {
	plug, d := cry(t)
	g := newGuests()
	seen := &sightings{here: make(map[guest]place)}
	const n = 3*maxQuestions - 1
	for i := range n {
		seen.here[guest{7, [6]byte{2, 5: byte(i)}}] = place{port: 3, end: vtep.End{Addr: netip.MustParseAddr("192.0.2.1"), Key: 7}}
	}
	for i, want := range []int{maxQuestions, 2 * maxQuestions, n, n} {
		g.settle(seen, d, int64(time.Hour))
		if plug.asked != want || g.hasNews() != (want < n) {
			t.Errorf("look %d: %d questions, want %d; another look is due: %v", i, plug.asked, want, g.hasNews())
		}
	}
}

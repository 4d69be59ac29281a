package learn

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/encap/vtep"
	"github.com/culvertdev/culvert/encap/vtep/vteptest"
)

func end(n byte) vtep.End { return vtep.End{Addr: netip.AddrFrom4([4]byte{192, 0, 2, n}), Key: 7} }

func guest(n, at byte) vtep.Guest {
	return vtep.Guest{VNI: 7, MAC: [6]byte{2, 0, 0, 0, 0, n}, IP: netip.AddrFrom4([4]byte{10, 0, 0, n}), End: end(at)}
}

func byMAC(g vtep.Guest) vtep.Question { return vtep.ForMAC(g.VNI, g.MAC) }
func byIP(g vtep.Guest) vtep.Question  { return vtep.ForIP(g.VNI, g.IP) }

func newPlugin(t *testing.T, o Options) (*Plugin, *vteptest.Sink) {
	t.Helper()
	if o.Flood == nil {
		o.Flood = []vtep.End{end(1), end(2)}
	}
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s := vteptest.NewSink()
	if err := p.Start(s); err != nil {
		t.Fatal(err)
	}
	return p, s
}

// ask returns the last byte of the end that q is at, 0 if there is none.
func ask(t *testing.T, p *Plugin, s *vteptest.Sink, q vtep.Question) byte {
	t.Helper()
	if err := p.Ask(q); err != nil {
		t.Fatal(err)
	}
	a, _ := s.Got(q)
	if err := a.Check(q); err != nil {
		t.Fatal(err)
	}
	if a.None() {
		return 0
	}
	return a.Ends[0].Addr.As4()[3]
}

func TestWhoSendsIsFound(t *testing.T) {
	p, s := newPlugin(t, Options{})
	g := guest(1, 1)
	if at := ask(t, p, s, byMAC(g)); at != 0 {
		t.Fatalf("found at %d before a packet came", at)
	}
	p.Learn(g)
	if a, ok := s.Got(byMAC(g)); !ok || a.Ends[0] != end(1) {
		t.Fatalf("the directory was told %v", a)
	}
	if a, ok := s.Got(byIP(g)); !ok || a.MAC != g.MAC {
		t.Fatalf("the directory was told %v", a)
	}
	p.Learn(guest(1, 2))
	if at := ask(t, p, s, byMAC(g)); at != 2 {
		t.Fatalf("found at %d after it moved", at)
	}
	if at := ask(t, p, s, byIP(g)); at != 2 {
		t.Fatalf("its address found at %d after it moved", at)
	}
	if p.moved != 2 {
		t.Errorf("%d moves", p.moved)
	}
}

func TestAllIsTheListInTheVNIAskedFor(t *testing.T) {
	p, s := newPlugin(t, Options{})
	q := vtep.ForFlood(9)
	if err := p.Ask(q); err != nil {
		t.Fatal(err)
	}
	a, _ := s.Got(q)
	if len(a.Ends) != 2 || a.Ends[0].Key != 9 || a.Ends[1].Key != 9 || p.opt.Flood[0].Key != 7 {
		t.Fatalf("%v", a.Ends)
	}
}

func TestWhoIsSilentIsForgotten(t *testing.T) {
	p, s := newPlugin(t, Options{Age: time.Minute})
	p.Learn(guest(1, 1))
	p.Learn(guest(2, 1))
	p.Tick(int64(40 * time.Second))
	p.Learn(guest(2, 1))
	p.Tick(int64(61 * time.Second))
	gone := s.Scopes()
	if len(gone) != 2 || gone[0].Question.VNI != 7 {
		t.Fatalf("invalidated %v", gone)
	}
	if ask(t, p, s, byMAC(guest(1, 1))) != 0 || ask(t, p, s, byMAC(guest(2, 1))) != 1 {
		t.Fatal("the wrong one is forgotten")
	}
	p.Tick(int64(3 * time.Minute))
	if len(p.seen) != 0 || len(p.hosts) != 0 {
		t.Fatalf("%d addresses of %d hosts left", len(p.seen), len(p.hosts))
	}
}

func TestAHostThatShowsThousandsLosesItsOwn(t *testing.T) {
	p, s := newPlugin(t, Options{Max: 10})
	quiet := guest(1, 1)
	quiet.IP = netip.Addr{}
	p.Learn(quiet)
	for n := range byte(100) {
		g := guest(10+n, 2)
		g.IP = netip.Addr{}
		p.Learn(g)
	}
	if len(p.seen) != 10 || p.crowded != 91 {
		t.Fatalf("%d addresses, %d forgotten", len(p.seen), p.crowded)
	}
	if ask(t, p, s, byMAC(quiet)) != 1 || ask(t, p, s, byMAC(guest(109, 2))) != 2 || ask(t, p, s, byMAC(guest(10, 2))) != 0 {
		t.Fatal("the wrong ones are forgotten")
	}
}

// TestAFullPlugInLearnsWithoutLookingAtAllHosts: each of 50,000 has one address; looking at all of them for each new address
// takes minutes.
func TestAFullPlugInLearnsWithoutLookingAtAllHosts(t *testing.T) {
	const hosts = 50_000
	p, _ := newPlugin(t, Options{Max: hosts})
	at := func(n int) vtep.Guest {
		return vtep.Guest{VNI: 7, MAC: [6]byte{2, 2: byte(n >> 24), 3: byte(n >> 16), 4: byte(n >> 8), 5: byte(n)},
			End: vtep.End{Addr: netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), Key: 7}}
	}
	start := time.Now()
	for n := range 2 * hosts {
		p.Learn(at(n))
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	if len(p.seen) != hosts || p.crowded != hosts {
		t.Errorf("%d addresses, %d forgotten", len(p.seen), p.crowded)
	}
}

func TestTheFirstOfTheRankingHasMostAddresses(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	p, _ := newPlugin(t, Options{Max: 40, Age: time.Second})
	for n := range 20_000 {
		p.Learn(guest(byte(rng.IntN(60)), byte(1+rng.IntN(12))))
		if n%100 == 0 {
			p.Tick(int64(n) * int64(5*time.Millisecond))
		}
		most, sum := 0, 0
		for _, h := range p.hosts {
			most, sum = max(most, h.count), sum+h.count
		}
		if sum != len(p.seen) || len(p.ranks) != len(p.hosts) || len(p.ranks) > 0 && p.ranks[0].count != most {
			t.Fatalf("%d hosts, %d ranked, the first of which has %v; the most is %d", len(p.hosts), len(p.ranks), p.ranks[0].count, most)
		}
	}
}

func TestWhatCannotBeAGuestTeachesNothing(t *testing.T) {
	p, _ := newPlugin(t, Options{})
	for _, change := range []func(*vtep.Guest){
		func(g *vtep.Guest) { g.MAC[0] |= 1 },
		func(g *vtep.Guest) { g.MAC = [6]byte{} },
		func(g *vtep.Guest) { g.End.Addr = netip.MustParseAddr("239.1.1.1") },
		func(g *vtep.Guest) { g.End.Addr = netip.Addr{} },
	} {
		g := guest(1, 1)
		change(&g)
		p.Learn(g)
	}
	if len(p.seen) != 0 {
		t.Fatalf("%d learned", len(p.seen))
	}
}

func TestWhatIsKnownIsLearnedWithoutGarbage(t *testing.T) {
	p, _ := newPlugin(t, Options{})
	g := guest(1, 1)
	p.Learn(g)
	if n := testing.AllocsPerRun(100, func() { p.Learn(g) }); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func TestOptionsMustMakeSense(t *testing.T) {
	for name, o := range map[string]Options{
		"no end":       {},
		"nowhere":      {Flood: []vtep.End{{Addr: netip.MustParseAddr("0.0.0.0")}}},
		"negative age": {Flood: []vtep.End{end(1)}, Age: -1},
	} {
		if _, err := New(o); err == nil || !strings.HasPrefix(err.Error(), "vtep learn: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := New(Options{Flood: []vtep.End{{Addr: netip.MustParseAddr("239.1.1.1")}}}); err != nil {
		t.Errorf("a group: %v", err)
	}
}

// TestWhatIsLearnedFirstLivesAsLongAsAllElse: the clock of a directory may have begun long ago.
func TestWhatIsLearnedFirstLivesAsLongAsAllElse(t *testing.T) {
	p, err := New(Options{Flood: []vtep.End{end(1)}, Age: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	now := int64(time.Hour)
	d, err := vtep.New(vtep.Options{Clock: func() int64 { return now }}, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.Learn(guest(1, 1))
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{time.Minute - 1, 2}, {1, 0}} { // the guest and its address
		now += int64(c.after)
		d.Tick()
		if len(p.seen) != c.want {
			t.Errorf("%v later %d are known, want %d", c.after, len(p.seen), c.want)
		}
	}
}

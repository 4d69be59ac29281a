package daemon

import (
	"net/netip"
	"testing"
	"time"

	"github.com/culvertdev/culvert/encap/vtep"
	"github.com/culvertdev/culvert/encap/vtep/vteptest"
)

// A stubborn plug-in lets who announces a guest wait.
type stubborn struct {
	crier
	asks chan vtep.Guest // has who is being announced
	on   chan bool       // lets one announcement go on
}

func (s *stubborn) Announce(g vtep.Guest) {
	s.asks <- g
	<-s.on
	s.crier.Announce(g)
}

// asked returns who is being announced; the test ends if nobody is.
func (s *stubborn) asked(t *testing.T) vtep.Guest {
	t.Helper()
	select {
	case g := <-s.asks:
		return g
	case <-time.After(vteptest.Patience):
		t.Fatal("nobody is announced")
	}
	return vtep.Guest{}
}

// over waits until a look has ended; the test ends if it does not, or announces somebody.
func (s *stubborn) over(t *testing.T, look chan bool) {
	t.Helper()
	select {
	case <-look:
	case g := <-s.asks:
		t.Fatalf("%v is announced as well", g)
	case <-time.After(vteptest.Patience):
		t.Fatal("the look does not end")
	}
}

// TestWhatTheDatapathSaysWaitsForNoDirectory: locks are held by who says it, and a look at who is here takes as long as it takes.
func TestWhatTheDatapathSaysWaitsForNoDirectory(t *testing.T) {
	plug := &stubborn{asks: make(chan vtep.Guest), on: make(chan bool)}
	d, err := vtep.New(vtep.Options{Clock: func() int64 { return 1 }}, plug, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	g := newGuests()
	one, two, late, ip := [6]byte{2, 5: 1}, [6]byte{2, 5: 2}, [6]byte{2, 5: 3}, netip.MustParseAddr("10.0.0.1")
	look := func() chan bool {
		done := make(chan bool)
		seen := &sightings{here: make(map[guest]place), byFlow: vtep.End{Addr: host1}, anyKey: true, up: map[uint32]bool{3: true}}
		go func() {
			defer close(done)
			g.settle(seen, d, int64(time.Hour))
		}()
		return done
	}
	g.Enter(7, one, 3, 1)
	g.Enter(7, two, 3, 1)
	done := look()
	first := plug.asked(t)
	said := make(chan bool)
	go func() {
		defer close(said)
		g.Enter(7, one, 3, 2) // nothing new: the look is about them
		g.Enter(7, two, 3, 2)
		g.Enter(7, late, 3, 2)
		g.Claim(word(one, ip))
		if here, was := g.Has(7, late); here || was {
			t.Error("who has just said something is here already")
		}
		if here, _ := g.Has(7, first.MAC); !here {
			t.Error("who is being announced is not here")
		}
	}()
	select {
	case <-said:
	case <-time.After(5 * time.Second):
		t.Fatal("the datapath waits for a directory")
	}
	plug.on <- true
	plug.asked(t)
	plug.on <- true
	plug.over(t, done)
	if !g.hasNews() {
		t.Error("no look is due about what was said meanwhile")
	}
	done = look()
	told := make(map[vtep.Guest]int)
	for range 2 {
		told[plug.asked(t)]++
		plug.on <- true
	}
	plug.over(t, done)
	end := vtep.End{Addr: host1, Key: 7}
	if told[vtep.Guest{VNI: 7, MAC: late, End: end}] != 1 || told[vtep.Guest{VNI: 7, MAC: one, IP: ip, End: end}] != 1 || plug.announced != 4 {
		t.Errorf("%d announcements, of the second look %v", plug.announced, told)
	}
}

func TestOfWhoSaysTooMuchBetweenTwoLooksTheLastIsHeardAndOthersAre(t *testing.T) {
	plug, d := cry(t)
	g := newGuests()
	loud, quiet := guest{7, [6]byte{2, 5: 1}}, guest{7, [6]byte{2, 5: 2}}
	address := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}) }
	const n = maxSaid + 10
	for i := range n {
		g.Claim(word(loud.mac, address(i)))
	}
	ip := netip.MustParseAddr("10.2.0.1")
	g.Claim(word(quiet.mac, ip))
	at := place{port: 3, end: vtep.End{Addr: host1, Key: 7}}
	seen := &sightings{here: map[guest]place{loud: at, quiet: at}}
	g.settle(seen, d, 1)
	if g.crowded.Load() != 0 || plug.announced != 2+maxClaims+1 || len(g.door.says) != maxClaims+1 {
		t.Errorf("%d announcements, %d not heard, %d remembered", plug.announced, g.crowded.Load(), len(g.door.says))
	}
	if known := g.stays[quiet].ips; len(known) != 1 || known[0] != ip {
		t.Errorf("the quiet one has %v", known)
	}
	for i, known := range g.stays[loud].ips {
		if want := address(n - maxClaims + i); known != want {
			t.Errorf("the loud one has %v, want %v", known, want)
		}
	}
	g.Claim(word(loud.mac, ip))
	g.Claim(word(quiet.mac, ip))
	g.settle(seen, d, 1)
	if g.owners[claim{7, ip}] != quiet {
		t.Error("who said it last does not have it")
	}
}

// nth is one of many Ethernet addresses.
func nth(i int) [6]byte { return [6]byte{2, 3: byte(i >> 16), 4: byte(i >> 8), 5: byte(i)} }

// TestWhatGuestsSayBetweenTwoLooksIsBounded: and one that says thousands of times that it is somebody leaves room for others.
func TestWhatGuestsSayBetweenTwoLooksIsBounded(t *testing.T) {
	g := newGuests()
	const n, most = maxSaid + 10, maxSaid * ample / (ample + 1) // of one port
	say := func(port uint32, i int) {
		one := word(nth(i), netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
		one.Port = port
		g.Claim(one)
	}
	for i := range n {
		say(3, i)
	}
	if g.refused.Load() != n-most || len(g.door.says) != most || g.samples()[1].Value != n-most {
		t.Errorf("%d remembered, %d not heard", len(g.door.says), g.refused.Load())
	}
	for i := range n {
		say(4, n+i)
	}
	for i := range 16 {
		say(5, 2*n+i)
	}
	if got := g.door.spoken.by[5]; got != 16 {
		t.Errorf("two guests leave a third %d of 16 places", got)
	}
	if _, said := g.door.take(); len(said) > maxSaid || g.door.waits() {
		t.Errorf("a look hears %d", len(said))
	}
	say(3, 3*n)
	if !g.door.waits() {
		t.Error("there is no room after a look")
	}
	say(3, n-1) // which was not heard
	if _, said := g.door.take(); len(said) != 2 || said[1].MAC != nth(n-1) {
		t.Errorf("heard: %v", said)
	}
}

func TestAGuestThatEntersWithThousandsOfEthernetAddressesLeavesRoomForOthers(t *testing.T) {
	plug, d := cry(t)
	g := newGuests()
	look := func(round int64) {
		up := map[uint32]bool{3: true, 4: true}
		g.settle(&sightings{here: make(map[guest]place), byFlow: vtep.End{Addr: host1}, anyKey: true, up: up}, d, int64(time.Hour)+round)
	}
	quiet := [6]byte{4}
	for round := range int64(3) {
		for i := range 2 * maxSilent {
			g.Enter(7, nth(i), 3, int64(time.Hour)+round)
		}
		if round == 1 {
			g.Enter(7, quiet, 4, int64(time.Hour)+1)
		}
		look(round)
	}
	if here, _ := g.Has(7, quiet); !here {
		t.Error("a guest at another port finds no room")
	}
	if n := len(g.stays); n > maxSilent || plug.withdrawn > ample {
		t.Errorf("%d guests are here, %d were withdrawn", n, plug.withdrawn)
	}
}

func TestGuestsWhomTheirBridgesForgetStayAsManyAsFitByPort(t *testing.T) {
	_, d := cry(t)
	g := newGuests()
	look := func(seen *sightings) {
		seen.up = map[uint32]bool{3: true, 4: true}
		g.settle(seen, d, int64(time.Hour))
	}
	all := &sightings{here: make(map[guest]place)}
	crowd(all, 3, 4*maxSilent)
	crowd(all, 4, 16)
	look(all)
	look(&sightings{})
	here := make(map[uint32]int)
	for _, s := range g.stays {
		if s.here {
			here[s.at.port]++
		}
	}
	if here[4] != 16 || here[3] < maxSilent/2 || here[3] > maxSilent-16 {
		t.Errorf("by port, %v are here still", here)
	}
}

// An interrupted plug-in has something happen when a guest is withdrawn.
type interrupted struct {
	crier
	by func()
}

func (p *interrupted) Withdraw(g vtep.Guest) {
	p.by()
	p.crier.Withdraw(g)
}

// TestAPacketThatComesDuringALookThatWithdrawsItsGuestIsNews: without another packet.
func TestAPacketThatComesDuringALookThatWithdrawsItsGuestIsNews(t *testing.T) {
	g, now := newGuests(), int64(time.Hour)
	who := guest{7, [6]byte{2, 5: 1}}
	plug := &interrupted{by: func() { g.Enter(7, who.mac, 3, now+1) }}
	d, err := vtep.New(vtep.Options{Clock: func() int64 { return now }}, plug, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	look := func(want bool) {
		t.Helper()
		g.settle(&sightings{here: make(map[guest]place), byFlow: vtep.End{Addr: host1}, anyKey: true, up: map[uint32]bool{3: true}}, d, now)
		if here, _ := g.Has(7, who.mac); here != want {
			t.Errorf("it is here: %v, want %v", here, want)
		}
	}
	g.Enter(7, who.mac, 3, now)
	look(true)
	plug.Answer(who.question(), vtep.Answer{Ends: []vtep.End{{Addr: host2, Key: 7}}})
	now += int64(time.Second)
	look(false)
	if !g.hasNews() {
		t.Error("no look is due")
	}
	now++
	look(true)
	if plug.announced != 2 || plug.withdrawn != 1 {
		t.Errorf("%d announcements, %d withdrawals", plug.announced, plug.withdrawn)
	}
}

// TestWhoHasLostAnAddressMaySayAgainThatItIsHis: the door does not take that for known.
func TestWhoHasLostAnAddressMaySayAgainThatItIsHis(t *testing.T) {
	c := newCensus(t)
	for range 3 {
		c.says(1, "10.0.0.9")
		c.look(0, nil)
		c.known("1 10.0.0.9")
		c.says(2, "10.0.0.9")
		c.look(0, nil)
		c.known("2 10.0.0.9")
	}
	c.says(1, "10.0.0.9")
	c.says(2, "10.0.0.9")
	c.says(1, "10.0.0.9")
	c.look(0, nil)
	c.known("1 10.0.0.9")
	c.here = nil
	c.look(0, nil)
	c.look(stayed+1, nil)
	if len(c.door.says)+len(c.door.known)+len(c.stays) != 0 {
		t.Errorf("%d addresses and %d guests are remembered for ever", len(c.door.says), len(c.door.known))
	}
}

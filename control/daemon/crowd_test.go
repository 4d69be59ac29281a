package daemon

import (
	"testing"
	"time"

	"github.com/culvertdev/culvert/encap/vtep"
)

// crowd adds n guests that are at a port.
func crowd(seen *sightings, port uint32, n int) {
	for i := range n {
		seen.here[guest{7, [6]byte{2, byte(port), 3: byte(i >> 16), 4: byte(i >> 8), 5: byte(i)}}] = place{port: port, end: vtep.End{Addr: host1, Key: 7}}
	}
}

func TestAGuestWithThousandsOfEthernetAddressesLeavesRoomForOthers(t *testing.T) {
	plug, d := cry(t)
	g := newGuests()
	look := func(after time.Duration, seen *sightings) {
		seen.up = map[uint32]bool{}
		g.settle(seen, d, int64(time.Hour+after))
	}
	here := func() *sightings { return &sightings{here: make(map[guest]place)} }
	quiet, loud, others := here(), here(), here()
	crowd(quiet, 4, 1)
	crowd(loud, 3, maxStays-1)
	crowd(others, 5, 100)
	look(0, quiet)
	look(1, loud) // the quiet one has left
	look(2, here())
	plug.announced = 0
	look(3, others)
	if plug.announced != 100 {
		t.Errorf("%d of 100 guests are announced", plug.announced)
	}
	for who := range quiet.here {
		if _, was := g.Has(7, who.mac); !was {
			t.Error("who left first is forgotten, and not one of the many")
		}
	}
	if n := g.samples()[0].Value; n != 0 {
		t.Errorf("%d times there was no room", n)
	}
}

func TestGuestsThatFindNoRoomAreCounted(t *testing.T) {
	plug, d := cry(t)
	g := newGuests()
	seen := &sightings{here: make(map[guest]place)}
	crowd(seen, 3, maxStays+10)
	if g.settle(seen, d, int64(time.Hour)); plug.announced != maxStays || g.samples()[0].Value != 10 {
		t.Errorf("%d announced, %d times there was no room", plug.announced, g.samples()[0].Value)
	}
}

// TestAGuestFindsRoomAtAPortAfterAFloodOfEthernetAddressesThatNobodyHas: as it does at others meanwhile.
func TestAGuestFindsRoomAtAPortAfterAFloodOfEthernetAddressesThatNobodyHas(t *testing.T) {
	plug, d := cry(t)
	g, now := newGuests(), int64(time.Hour)
	up := map[uint32]bool{3: true, 4: true}
	look := func() {
		g.settle(&sightings{here: make(map[guest]place), byFlow: vtep.End{Addr: host1}, anyKey: true, up: up}, d, now)
	}
	old, late, other := [6]byte{4, 5: 1}, [6]byte{4, 5: 2}, [6]byte{4, 5: 3}
	here := func(mac [6]byte) bool {
		is, _ := g.Has(7, mac)
		return is
	}
	const second, during = int64(time.Second), 60
	g.Enter(7, old, 3, now)
	for range during {
		look()
		now += second
		for i := range 2 * maxSilent {
			g.Enter(7, nth(i), 3, now)
		}
		g.Enter(7, old, 3, now)
		g.Enter(7, late, 3, now)
	}
	g.Enter(7, other, 4, now)
	look()
	if !here(old) || !here(other) {
		t.Fatalf("during the flood: who was there before is here: %v; who is at another port: %v", here(old), here(other))
	}
	if plug.withdrawn != 0 {
		t.Errorf("%d guests are withdrawn while all send", plug.withdrawn)
	}
	for range int(stayed/time.Second) + during {
		now += second
		g.Enter(7, old, 3, now)
		g.Enter(7, late, 3, now)
		if g.hasNews() {
			look()
		}
	}
	if !here(old) || !here(late) {
		t.Errorf("after the flood: who was there before is here: %v; who came meanwhile: %v", here(old), here(late))
	}
	if plug.withdrawn > 2*maxSilent/8 || !here(other) {
		t.Errorf("%d guests are withdrawn for one; who is at another port is here: %v", plug.withdrawn, here(other))
	}
}

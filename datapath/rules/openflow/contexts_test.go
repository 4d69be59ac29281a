package openflow

import (
	"fmt"
	"sync"
	"testing"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// A note is a content for tests.
type note string

func (note) kind() contentKind { return contentFrozen }

// newContextsAt returns contexts, and the clock they go by.
func newContextsAt(now int64) (*contexts, *fakeClock) {
	clock := &fakeClock{now: now}
	return newContexts(clock.read), clock
}

func (c *contexts) intern(what note, hashed bool, now int64) uint32 {
	if id := c.find([]byte(what), now); id != 0 {
		return id
	}
	return c.add([]byte(what), what, hashed, now)
}

func TestEqualContentsAreOneContext(t *testing.T) {
	c, _ := newContextsAt(0)
	a, b := c.intern("a", false, 0), c.intern("b", true, 0)
	if a == 0 || b == 0 || a == b {
		t.Fatalf("ids %#x and %#x", a, b)
	}
	if a&flow.RecircHashed != 0 || b&flow.RecircHashed == 0 {
		t.Errorf("ids %#x, %#x: want the hash bit in the second only", a, b)
	}
	if again := c.intern("a", false, 0); again != a {
		t.Errorf("asked again: %#x, want %#x", again, a)
	}
	if got := c.get(b); got != note("b") {
		t.Errorf("context %#x is %v", b, got)
	}
	if got := c.get(b &^ flow.RecircHashed); got != nil {
		t.Errorf("an id that nobody gave out is %v", got)
	}
	if n := testing.AllocsPerRun(100, func() { c.find([]byte("a"), 0) }); n != 0 {
		t.Errorf("finding one that is known makes %v allocations", n)
	}
}

func TestAContextLivesWhileItIsHeldAndAWhileLonger(t *testing.T) {
	c, clock := newContextsAt(0)
	id := c.intern("a", false, 0)
	steps := []struct {
		at   int64
		do   func()
		want bool
	}{
		{9 * second, func() {}, true}, // new
		{9 * second, func() { c.intern("a", false, clock.now) }, true},
		{18 * second, func() {}, true}, // asked for again
		{18 * second, func() { c.hold(id); c.hold(id) }, true},
		{100 * second, func() { c.release(id) }, true}, // one holds it still
		{200 * second, func() { c.release(id) }, true},
		{209 * second, func() {}, true},
		{210 * second, func() {}, false},
		{210 * second, func() { c.hold(id); c.release(id) }, false}, // too late
	}
	for i, s := range steps {
		clock.now = s.at
		s.do()
		c.expire(clock.now)
		if got := c.get(id) != nil; got != s.want {
			t.Fatalf("step %d, at %d s: known: %v, want %v", i, s.at/second, got, s.want)
		}
	}
	if again := c.intern("a", false, clock.now); again == id {
		t.Error("the id of a context that is gone was given out again")
	}
}

func TestContextsAreBounded(t *testing.T) {
	c, clock := newContextsAt(0)
	for i := range maxContexts {
		if c.intern(note(fmt.Sprint(i)), false, 0) == 0 {
			t.Fatalf("no room for context %d of %d", i+1, maxContexts)
		}
	}
	if id := c.intern("one more", false, 0); id != 0 {
		t.Error("there is room for one too many")
	}
	if id := c.intern("0", false, 0); id == 0 {
		t.Error("one that is known was not found")
	}
	clock.now = contextGrace
	c.expire(clock.now)
	if id := c.intern("one more", false, clock.now); id == 0 || c.len() != 1 {
		t.Errorf("after all have ended: id %d of %d contexts", id, c.len())
	}
}

func TestAPacketForWhichThereIsNoRoomIsDroppedByName(t *testing.T) {
	tb, _ := newTable(t, Options{}, trunks(1, 2), "mpls,actions=pop_mpls:0x0800,dec_ttl,2")
	for i := range maxContexts {
		tb.contexts.intern(note(fmt.Sprint(i)), false, tb.clock())
	}
	if got := program(look(t, tb, "in_port=1,mpls,mpls_bos=1")); got != "drop(contexts_full)" {
		t.Errorf("got %s, want drop(contexts_full)", got)
	}
}

func TestIdsOfTheSequenceThatAreTakenAreLeftOut(t *testing.T) {
	c, _ := newContextsAt(0)
	first := c.intern("a", true, 0)
	c.last = flow.RecircHashed - 1
	if id := c.intern("b", true, 0); id != first+1 {
		t.Errorf("after the last id comes %#x, want %#x: 0 is none and %#x is taken", id, first+1, first)
	}
}

func TestContextsAreForManyGoroutines(t *testing.T) {
	c, _ := newContextsAt(0)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := range 1000 {
				id := c.intern(note(fmt.Sprint(i%10)), false, int64(i)*second)
				c.hold(id)
				c.get(id)
				c.expire(int64(i) * second)
				c.release(id)
			}
		})
	}
	all.Wait()
}

func TestATrailKeepsItsContexts(t *testing.T) {
	table, clock := newTable(t, Options{}, trunks(1, 2), "actions=2")
	id := table.contexts.intern("a", false, clock.now)
	// An address that looks like a context in the middle of a trail is none.
	trail := []uint64{trailRule << trailKind, trailLearn<<trailKind | 5, contextWord(id + 1), contextWord(id)}
	table.Hold(trail)
	clock.now += 100 * second
	table.Expire(clock.now)
	if table.contexts.get(id) == nil {
		t.Error("a context that a flow names is gone")
	}
	table.Release(trail)
	clock.now += 11 * second
	table.Expire(clock.now)
	if table.contexts.get(id) != nil {
		t.Error("a context that no flow names stays")
	}
}

func TestAPacketComingBackUnderAnUnknownIDIsDropped(t *testing.T) {
	table, _ := newTable(t, Options{}, trunks(1, 2), "actions=2")
	if got := program(look(t, table, "in_port=1,recirc_id=0x5,ip")); got != "drop(context_gone)" {
		t.Errorf("got %s", got)
	}
}

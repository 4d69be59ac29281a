package neighbour

import (
	"net/netip"
	"testing"
	"time"
)

const second = int64(time.Second)

func host(link uint16, n byte) Host {
	return Host{link, netip.AddrFrom4([4]byte{10, 0, 0, n})}
}

func options() Options {
	return Options{Max: 10, MaxAsked: 4, Tries: 3, AskAgain: time.Second, Fresh: 10 * time.Second, Probe: time.Second,
		FailedFor: 5 * time.Second, UnusedFor: time.Minute}
}

func wantState(t *testing.T, table *Table, h Host, want State) {
	t.Helper()
	if _, got := table.Find(h); got != want {
		t.Errorf("%v is %v, want %v", h, got, want)
	}
}

func TestANeighbourThatDoesNotAnswerFailsAndIsForgotten(t *testing.T) {
	table := New(options())
	h := host(0, 1)
	if !table.Want(h, nil, 0) || table.Want(h, nil, 1) {
		t.Error("it is not asked once")
	}
	asked := 0
	for now := second / 2; now < 4*second; now += second / 2 {
		for _, a := range table.Age(now, nil) {
			if a.Ask {
				asked++
			}
		}
	}
	wantState(t, table, h, Failed)
	if asked != 2 {
		t.Errorf("it was asked again %d times, want 2", asked)
	}
	table.Age(9*second, nil)
	wantState(t, table, h, Unknown)
}

func TestAPacketWaitsForTheAnswer(t *testing.T) {
	table := New(options())
	h := host(0, 1)
	table.Want(h, []byte("first"), 0)
	table.Want(h, []byte("last"), 0)
	l := table.Learn(h, [6]byte{2}, 1, false)
	if !l.Changed || string(l.Held) != "last" {
		t.Errorf("got %+v", l)
	}
	if l = table.Learn(h, [6]byte{2}, 2, false); l.Changed || l.Held != nil {
		t.Errorf("again: got %+v", l)
	}
	if l = table.Learn(host(0, 2), [6]byte{2}, 2, false); l.Changed {
		t.Error("a host that nobody asked about is learned")
	}
}

func TestSomeoneInUseIsAskedAloneThenWithAllOthersAndIsSilentThen(t *testing.T) {
	o := options()
	o.Linger, o.UseFor = 5*time.Second, time.Minute
	table := New(o)
	h, mac := host(0, 1), [6]byte{2, 5: 1}
	table.Want(h, nil, 0)
	table.Learn(h, mac, 0, false)
	if list := table.Age(9*second, nil); len(list) != 0 {
		t.Errorf("its answer is fresh, but %+v", list)
	}
	for i, want := range []Aged{{Host: h, Ask: true, To: mac}, {Host: h, Ask: true}, {Host: h, Ask: true}, {Host: h, Changed: true}} {
		list := table.Age(int64(10+i)*second, nil)
		if len(list) != 1 || list[0] != want {
			t.Errorf("step %d: got %+v, want %+v", i, list, want)
		}
	}
	wantState(t, table, h, Silent)
	table.Age(20*second, nil)
	wantState(t, table, h, Failed)
	table.Learn(h, mac, 20*second, false)
	wantState(t, table, h, Answered)
}

func TestOnlyNeighboursInUseMakeQuestionsRarer(t *testing.T) {
	o := options()
	o.Max, o.MaxAsked, o.Spread, o.UseFor, o.UnusedFor = 100, 100, time.Second, time.Minute, time.Hour
	table := New(o)
	meet := func(h Host, now int64) {
		table.Want(h, nil, now)
		table.Learn(h, [6]byte{2}, now, false)
	}
	for n := range byte(30) {
		meet(host(0, n), 0)
	}
	table.Age(0, nil)
	if list := table.Age(29*second, nil); len(list) != 0 {
		t.Errorf("30 in use are asked after 29 s: %v", list)
	}
	if list := table.Age(30*second, nil); len(list) != 30 {
		t.Errorf("30 in use: %d are asked after 30 s", len(list))
	}
	for n := range byte(30) {
		table.Learn(host(0, n), [6]byte{2}, 31*second, false)
	}
	for now := int64(61); now < 200; now++ { // nobody needs them any more, and they are still remembered
		table.Age(now*second, nil)
	}
	one := host(0, 99)
	meet(one, 200*second)
	table.Age(201*second, nil)
	if list := table.Age(210*second, nil); len(list) != 1 || list[0].Host != one || !list[0].Ask {
		t.Errorf("one in use among 30 that are not: %+v after what an answer is trusted", list)
	}
}

func TestWhatSomebodyElseSaysIsNotAged(t *testing.T) {
	o := options()
	o.UseFor = time.Minute
	table := New(o)
	h, mac := host(0, 1), [6]byte{2, 5: 1}
	if !table.Tell(h, Told, mac, 0) || table.Tell(h, Told, mac, 1) {
		t.Error("a change is not told once")
	}
	table.Want(h, nil, 0)
	if list := table.Age(2*second, nil); len(list) != 1 || !list[0].Ask {
		t.Errorf("it is not asked for while it is in use: %+v", list)
	}
	table.Age(1000*second, nil)
	wantState(t, table, h, Told)
	if l := table.Learn(h, [6]byte{2, 5: 9}, 5, true); l.Changed {
		t.Error("a packet overrules it")
	}
	table.Tell(h, Unknown, [6]byte{}, 6)
	wantState(t, table, h, Unknown)
	if table.Len() != 0 {
		t.Error("it is not forgotten")
	}
}

func TestLinksThatMoveTakeTheirNeighboursWithThem(t *testing.T) {
	table := New(options())
	for link := range uint16(3) {
		table.Want(host(link, byte(link)), nil, 0)
	}
	table.Relink(map[uint16]uint16{0: 2, 2: 0})
	wantState(t, table, host(2, 0), Asked)
	wantState(t, table, host(0, 2), Asked)
	for i := range byte(2) { // the one that is gone has made room
		if !table.Want(host(5, i), nil, 0) {
			t.Error("there is no room")
		}
	}
	if table.Want(host(5, 9), nil, 0) {
		t.Error("more are asked than may be")
	}
}

func TestAWayThatGoesLeavesTheOthersWhereTheyWere(t *testing.T) {
	routers := []netip.Addr{host(0, 1).Addr, host(0, 2).Addr, host(0, 3).Addr}
	best := func(list []netip.Addr, slot uint64) (b netip.Addr) {
		most := uint64(0)
		for _, r := range list {
			if w := Weight(r, slot); w >= most {
				b, most = r, w
			}
		}
		return b
	}
	share := make(map[netip.Addr]int)
	for slot := range uint64(3000) {
		was := best(routers, slot)
		share[was]++
		if now := best(routers[:2], slot); was != routers[2] && now != was {
			t.Fatalf("slot %d went from %v to %v", slot, was, now)
		}
	}
	for r, n := range share {
		if n < 900 || n > 1100 {
			t.Errorf("%v has %d of 3000 slots", r, n)
		}
	}
}

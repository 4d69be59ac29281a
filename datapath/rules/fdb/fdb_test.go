package fdb

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

const second = int64(time.Second)

func mac(n byte) [6]byte { return [6]byte{2, 0, 0, 0, 0, n} }

func newTable(tb testing.TB, o Options) *Table {
	tb.Helper()
	t, err := New(o)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

func wantPort(t *testing.T, tb *Table, key Key, want uint32) {
	t.Helper()
	got, ok := tb.Lookup(key)
	if want == 0 && ok {
		t.Errorf("%v: got port %d, want none", key, got)
	} else if want != 0 && got != want {
		t.Errorf("%v: got port %d (known: %v), want %d", key, got, ok, want)
	}
}

func TestKeysHoldVLANAndAddress(t *testing.T) {
	k := MakeKey(4095, [6]byte{0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc})
	if k.VLAN() != 4095 || k.MAC() != [6]byte{0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc} {
		t.Errorf("got VLAN %d and address %x", k.VLAN(), k.MAC())
	}
	if got, want := k.String(), "4095/12:34:56:78:9a:bc"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOptionsOutOfRangeAreRefused(t *testing.T) {
	for _, o := range []Options{{Capacity: 9}, {Capacity: MaxCapacity + 1}, {Ageing: 14 * time.Second}, {Ageing: 2 * time.Hour}, {Capacity: -1}} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v: got no error", o)
		}
	}
}

func TestLearning(t *testing.T) {
	key := MakeKey(5, mac(1))
	t.Run("an address is known once it was seen, in its VLAN only", func(t *testing.T) {
		tb := newTable(t, Options{})
		if r := tb.Learn(key, 7, 1); !r.New || r.Moved || r.Evicted {
			t.Errorf("got %+v, want a new address", r)
		}
		wantPort(t, tb, key, 7)
		wantPort(t, tb, MakeKey(6, mac(1)), 0)
	})
	t.Run("seen again it changes nothing", func(t *testing.T) {
		tb := newTable(t, Options{})
		tb.Learn(key, 7, 1)
		if r := tb.Learn(key, 7, 2); r.Changed() {
			t.Errorf("got %+v, want no change", r)
		}
	})
	t.Run("seen on another port it moves", func(t *testing.T) {
		tb := newTable(t, Options{})
		tb.Learn(key, 7, 1)
		if r := tb.Learn(key, 8, 2); !r.Moved || r.New {
			t.Errorf("got %+v, want a move", r)
		}
		wantPort(t, tb, key, 8)
	})
	t.Run("one that was away for a moment is not the one from before", func(t *testing.T) {
		tb := newTable(t, Options{})
		since := func() int64 { return tb.Entries(9)[0].Since }
		tb.Learn(key, 7, 1)
		tb.Learn(key, 7, 2)
		if got := since(); got != 1 {
			t.Errorf("seen again: on its port since %d, want 1", got)
		}
		tb.Learn(key, 8, 3)
		tb.Learn(key, 7, 4)
		if got := since(); got != 4 {
			t.Errorf("back again: on its port since %d, want 4", got)
		}
	})
	t.Run("a group address is nobody's", func(t *testing.T) {
		tb := newTable(t, Options{})
		if r := tb.Learn(MakeKey(0, [6]byte{1}), 7, 1); r.Changed() || tb.Len() != 0 {
			t.Errorf("got %+v and %d entries, want none", r, tb.Len())
		}
	})
	t.Run("a static address neither moves nor ages", func(t *testing.T) {
		tb := newTable(t, Options{})
		if _, err := tb.AddStatic(key, 7); err != nil {
			t.Fatal(err)
		}
		if r := tb.Learn(key, 8, 1); r.Changed() {
			t.Errorf("got %+v, want no change", r)
		}
		tb.Expire(1e15, nil)
		wantPort(t, tb, key, 7)
	})
	t.Run("a static group address is refused", func(t *testing.T) {
		if _, err := newTable(t, Options{}).AddStatic(MakeKey(0, [6]byte{1}), 7); err == nil {
			t.Error("got no error")
		}
	})
}

func TestTrafficCountedLate(t *testing.T) {
	key := MakeKey(0, mac(1))
	t.Run("keeps an address that is in use", func(t *testing.T) {
		tb := newTable(t, Options{})
		tb.Learn(key, 7, 0)
		tb.Replay(key, 7, 200*second)
		if gone := tb.Expire(301*second, nil); len(gone) != 0 {
			t.Errorf("got %v forgotten, want none", gone)
		}
	})
	t.Run("brings an address back to a port that it returned to", func(t *testing.T) {
		tb := newTable(t, Options{})
		tb.Learn(key, 7, 1)
		tb.Learn(key, 8, 2)
		if r := tb.Replay(key, 7, 3); !r.Moved {
			t.Errorf("got %+v, want a move", r)
		}
	})
	t.Run("does not undo a move that came after", func(t *testing.T) {
		tb := newTable(t, Options{})
		tb.Learn(key, 7, 1)
		tb.Learn(key, 8, 3)
		tb.Replay(key, 7, 2)
		wantPort(t, tb, key, 8)
	})
	t.Run("does not undo a flush that came after", func(t *testing.T) {
		tb := newTable(t, Options{})
		tb.Learn(key, 7, 1)
		if gone := tb.Flush(Filter{}, 5, nil); !slices.Equal(gone, []Key{key}) {
			t.Errorf("flush: got %v, want %v", gone, key)
		}
		tb.Replay(key, 7, 4)
		wantPort(t, tb, key, 0)
		tb.Replay(key, 7, 6)
		wantPort(t, tb, key, 7)
		tb.Remove(key, 8)
		tb.Replay(key, 7, 7)
		wantPort(t, tb, key, 0)
	})
}

func TestAgeing(t *testing.T) {
	tb := newTable(t, Options{Ageing: 20 * time.Second})
	a, b := MakeKey(0, mac(1)), MakeKey(0, mac(2))
	tb.Learn(a, 1, 0)
	tb.Learn(b, 1, 10*second)
	if gone := tb.Expire(20*second-1, nil); len(gone) != 0 {
		t.Errorf("before its time: got %v forgotten", gone)
	}
	if gone := tb.Expire(20*second, nil); !slices.Equal(gone, []Key{a}) {
		t.Errorf("got %v forgotten, want %v", gone, a)
	}
	if gone := tb.Expire(30*second, nil); !slices.Equal(gone, []Key{b}) {
		t.Errorf("got %v forgotten, want %v", gone, b)
	}
}

func TestAFullTable(t *testing.T) {
	t.Run("takes from the port that has most, the address unused longest", func(t *testing.T) {
		tb := newTable(t, Options{Capacity: 10})
		tb.Learn(MakeKey(0, mac(100)), 2, 0) // older than all others, but on a modest port
		for i := range byte(9) {
			tb.Learn(MakeKey(0, mac(i)), 1, int64(i)+1)
		}
		tb.Learn(MakeKey(0, mac(0)), 1, 50) // so 1 is the one unused longest
		r := tb.Learn(MakeKey(0, mac(50)), 3, 51)
		if want := MakeKey(0, mac(1)); !r.Evicted || r.Victim != want {
			t.Errorf("got %+v, want %v to go", r, want)
		}
		wantPort(t, tb, MakeKey(0, mac(100)), 2)
	})
	t.Run("keeps static entries and learns nothing when there is nothing else", func(t *testing.T) {
		tb := newTable(t, Options{Capacity: 10})
		for i := range byte(10) {
			if _, err := tb.AddStatic(MakeKey(0, mac(i)), 1); err != nil {
				t.Fatal(err)
			}
		}
		if r := tb.Learn(MakeKey(0, mac(50)), 3, 1); r.Changed() || tb.Len() != 10 {
			t.Errorf("got %+v and %d entries", r, tb.Len())
		}
		if _, err := tb.AddStatic(MakeKey(0, mac(50)), 1); err == nil {
			t.Error("an eleventh static entry: got no error")
		}
	})
	t.Run("shrinks when told to", func(t *testing.T) {
		tb := newTable(t, Options{Capacity: 20})
		for i := range byte(20) {
			tb.Learn(MakeKey(0, mac(i)), 1, int64(i))
		}
		gone, err := tb.SetOptions(Options{Capacity: 15}, nil)
		if err != nil || len(gone) != 5 || tb.Len() != 15 {
			t.Errorf("got %v forgotten, %d left, %v", gone, tb.Len(), err)
		}
	})
}

func TestFlush(t *testing.T) {
	fill := func() *Table {
		tb := newTable(t, Options{})
		tb.Learn(MakeKey(1, mac(1)), 1, 0)
		tb.Learn(MakeKey(2, mac(1)), 1, 0)
		tb.Learn(MakeKey(2, mac(2)), 2, 0)
		if _, err := tb.AddStatic(MakeKey(2, mac(3)), 2); err != nil {
			t.Fatal(err)
		}
		return tb
	}
	for _, c := range []struct {
		name string
		f    Filter
		left int
	}{
		{"everything learned", Filter{}, 1},
		{"everything", Filter{Statics: true}, 0},
		{"a port", Filter{Port: 1, OnPort: true}, 2},
		{"a VLAN", Filter{VLAN: 2, InVLAN: true}, 2},
		{"a VLAN of a port, static ones too", Filter{VLAN: 2, InVLAN: true, Port: 2, OnPort: true, Statics: true}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			tb := fill()
			if gone := tb.Flush(c.f, 1, nil); len(gone) != 4-c.left || tb.Len() != c.left {
				t.Errorf("got %v forgotten and %d left, want %d left", gone, tb.Len(), c.left)
			}
		})
	}
}

func TestTextIsThatOfOVS(t *testing.T) {
	tb := newTable(t, Options{})
	tb.Learn(MakeKey(20, [6]byte{0x50, 0x54, 0, 0, 0, 5}), 14, 0)
	if _, err := tb.AddStatic(MakeKey(20, [6]byte{0x50, 0x54, 0, 0, 0, 9}), 12); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := WriteText(&b, tb.Entries(7*second), nil); err != nil {
		t.Fatal(err)
	}
	want := " port  VLAN  MAC                Age\n" +
		"   12    20  50:54:00:00:00:09  static\n" +
		"   14    20  50:54:00:00:00:05    7\n"
	if got := b.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// A slowEntry and the rest of the twin do it in the plainest way: a map, searched from end to end.
type slowEntry struct {
	port   uint32
	used   int64
	seq    int // order of use among equals
	static bool
	since  int64
}

type slowTable struct {
	opt     Options
	entries map[Key]*slowEntry
	seq     int
	flushed int64
}

// latest returns the time of the port's entry used last: what is older counts as that.
func (s *slowTable) latest(port uint32, but Key) (used int64) {
	for k, e := range s.entries {
		if k != but && e.port == port && !e.static {
			used = max(used, e.used)
		}
	}
	return used
}

func (s *slowTable) learn(k Key, port uint32, now int64) (r Result) {
	if k.MAC()[0]&1 != 0 {
		return
	}
	e := s.entries[k]
	if e != nil && e.static {
		return
	}
	if e == nil {
		if len(s.entries) >= s.opt.Capacity {
			victim, ok := s.victim()
			if !ok {
				return
			}
			delete(s.entries, victim)
			r.Evicted, r.Victim = true, victim
		}
		e = &slowEntry{port: port, since: now}
		s.entries[k] = e
		r.New = true
	} else if e.port != port {
		r.Moved = true
		e.port, e.used, e.since = port, 0, now
	}
	s.seq++
	e.used, e.seq = max(now, e.used, s.latest(port, k)), s.seq
	return r
}

func (s *slowTable) victim() (victim Key, ok bool) {
	count := make(map[uint32]int)
	for _, e := range s.entries {
		if !e.static {
			count[e.port]++
		}
	}
	most := uint32(0)
	for _, p := range slices.Sorted(maps.Keys(count)) {
		if count[p] > count[most] {
			most = p
		}
	}
	var best *slowEntry
	for k, e := range s.entries {
		if !e.static && e.port == most && (best == nil || e.seq < best.seq) {
			best, victim, ok = e, k, true
		}
	}
	return victim, ok
}

func TestTheTableAgreesWithANaiveTwin(t *testing.T) {
	for seed := range uint64(20) {
		g := rand.New(rand.NewPCG(seed, 0))
		opt := Options{Capacity: 10 + g.IntN(10), Ageing: 20 * time.Second}
		tb := newTable(t, opt)
		slow := &slowTable{opt: opt, entries: make(map[Key]*slowEntry)}
		now := int64(1)
		for step := range 3000 {
			now += g.Int64N(second)
			k := MakeKey(uint16(g.IntN(2)), mac(byte(g.IntN(20))))
			port := uint32(1 + g.IntN(4))
			what := ""
			var got, want any
			switch op := g.IntN(100); {
			case op < 80:
				what = fmt.Sprintf("learn %v on %d", k, port)
				got, want = tb.Learn(k, port, now), slow.learn(k, port, now)
			case op < 90:
				used := now - g.Int64N(10*second)
				what = fmt.Sprintf("replay %v on %d", k, port)
				got, want = tb.Replay(k, port, used), Result{}
				e := slow.entries[k]
				if !(e == nil && used <= slow.flushed || e != nil && e.port != port && used <= e.used) {
					want = slow.learn(k, port, used)
				}
			case op < 91:
				what = "flush"
				slow.flushed = now
				f := Filter{Port: port, OnPort: g.IntN(2) == 0, VLAN: k.VLAN(), InVLAN: g.IntN(2) == 0, Statics: g.IntN(2) == 0}
				gone := tb.Flush(f, now, nil)
				slices.Sort(gone)
				var slowGone []Key
				for k, e := range slow.entries {
					if (!f.OnPort || e.port == f.Port) && (!f.InVLAN || k.VLAN() == f.VLAN) && (!e.static || f.Statics) {
						slowGone = append(slowGone, k)
						delete(slow.entries, k)
					}
				}
				slices.Sort(slowGone)
				got, want = fmt.Sprint(gone), fmt.Sprint(slowGone)
			case op < 93:
				what = fmt.Sprintf("static %v on %d", k, port)
				if len(slow.entries) < opt.Capacity || slow.entries[k] != nil {
					if _, err := tb.AddStatic(k, port); err != nil {
						t.Fatal(err)
					}
					slow.entries[k] = &slowEntry{port: port, static: true}
				}
			case op < 95:
				what = fmt.Sprintf("remove %v", k)
				slow.flushed = now
				got, want = tb.Remove(k, now), slow.entries[k] != nil
				delete(slow.entries, k)
			default:
				what = "expire"
				gone := tb.Expire(now, nil)
				slices.Sort(gone)
				var slowGone []Key
				for k, e := range slow.entries {
					if !e.static && now-e.used >= int64(opt.Ageing) {
						slowGone = append(slowGone, k)
						delete(slow.entries, k)
					}
				}
				slices.Sort(slowGone)
				got, want = fmt.Sprint(gone), fmt.Sprint(slowGone)
			}
			if got != want {
				t.Fatalf("seed %d, step %d, %s: got %+v, want %+v", seed, step, what, got, want)
			}
			checkSame(t, tb, slow, now)
			if t.Failed() {
				t.Fatalf("seed %d, step %d, %s", seed, step, what)
			}
		}
	}
}

func checkSame(t *testing.T, tb *Table, slow *slowTable, now int64) {
	t.Helper()
	got := tb.Entries(now)
	if len(got) != len(slow.entries) {
		t.Errorf("got %d entries, want %d", len(got), len(slow.entries))
	}
	for _, e := range got {
		s := slow.entries[e.Key]
		if s == nil {
			t.Errorf("%v: not expected", e.Key)
			continue
		}
		want := Entry{Key: e.Key, Port: s.port, Since: s.since, Static: s.static}
		if !s.static {
			want.Age = time.Duration(now - s.used)
		}
		if e != want {
			t.Errorf("got %+v, want %+v", e, want)
		}
	}
}

func TestRefreshingAnAddressAllocatesNothing(t *testing.T) {
	tb := newTable(t, Options{})
	a, b := MakeKey(0, mac(1)), MakeKey(0, mac(2))
	tb.Learn(a, 1, 0)
	tb.Learn(b, 1, 0)
	now := int64(0)
	if n := testing.AllocsPerRun(1000, func() {
		now++
		tb.Learn(a, 1, now)
		tb.Learn(b, 1, now)
		tb.Lookup(a)
	}); n != 0 {
		t.Errorf("refresh: got %v allocations, want 0", n)
	}
	if n := testing.AllocsPerRun(1000, func() {
		now++
		tb.Learn(a, uint32(now%2)+5, now)
	}); n != 0 {
		t.Errorf("an address that flaps between ports: got %v allocations, want 0", n)
	}
}

// Every new packet of a storm brings an address that nobody has seen, into a table that is full.
func BenchmarkLearn(b *testing.B) {
	b.Run("storm", func(b *testing.B) {
		tb := newTable(b, Options{})
		b.ReportAllocs()
		n := uint64(0)
		for b.Loop() {
			n++
			tb.Learn(Key(n), uint32(n%8), int64(n))
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N), "ns/pkt")
	})
	// Hosts that are known send first packets of new flows.
	b.Run("known", func(b *testing.B) {
		tb := newTable(b, Options{})
		b.ReportAllocs()
		n := uint64(0)
		for b.Loop() {
			n++
			tb.Learn(Key(n%4096), uint32(n%8), int64(n))
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N), "ns/pkt")
	})
}

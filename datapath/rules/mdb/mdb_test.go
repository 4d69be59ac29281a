package mdb

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

const second = int64(time.Second)

func key(vlan uint16, addr string) Key {
	return Key{vlan, netip.MustParseAddr(addr).As16()}
}

func newTable(tb testing.TB, o Options) *Table {
	tb.Helper()
	t, err := New(o)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// shown returns a table's entries as text: port/vlan/group.
func shown(t *Table, now int64) string {
	var parts []string
	for _, e := range t.Entries(now) {
		if e.Router {
			parts = append(parts, fmt.Sprintf("%d/%d/router", e.Port, e.Key.VLAN))
		} else {
			parts = append(parts, fmt.Sprintf("%d/%v", e.Port, e.Key))
		}
	}
	return strings.Join(parts, " ")
}

func want(t *testing.T, tb *Table, want string) {
	t.Helper()
	if got := shown(tb, 0); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOptionsOutOfRangeAreRefused(t *testing.T) {
	for _, o := range []Options{{Capacity: 9}, {Capacity: MaxCapacity + 1}, {Ageing: 14 * time.Second}, {Ageing: 2 * time.Hour}} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v: got no error", o)
		}
		if err := newTable(t, Options{}).SetOptions(o, new(Changes)); err == nil {
			t.Errorf("changed to %+v: got no error", o)
		}
	}
}

func TestGroups(t *testing.T) {
	g := key(5, "239.1.1.1")
	t.Run("a report is of one VLAN, and of as many ports as send it", func(t *testing.T) {
		tb, c := newTable(t, Options{}), new(Changes)
		tb.Join(g, 2, 1, c)
		tb.Join(g, 1, 1, c)
		tb.Join(key(6, "ff3e::1"), 1, 1, c)
		want(t, tb, "1/5/239.1.1.1 2/5/239.1.1.1 1/6/ff3e::1")
		if ports, ok := tb.Members(g, nil); !ok || len(ports) != 2 {
			t.Errorf("members: got %v, %v", ports, ok)
		}
		if _, ok := tb.Members(key(6, "239.1.1.1"), nil); ok {
			t.Error("the group has members in another VLAN")
		}
		if len(c.Groups) != 3 {
			t.Errorf("changes: got %v", c.Groups)
		}
	})
	t.Run("a report again changes nothing", func(t *testing.T) {
		tb, c := newTable(t, Options{}), new(Changes)
		tb.Join(g, 1, 1, c)
		*c = Changes{}
		tb.Join(g, 1, 2, c)
		if c.Any() {
			t.Errorf("got %+v", c)
		}
	})
	t.Run("who leaves is no member, and a group without members is none", func(t *testing.T) {
		tb, c := newTable(t, Options{}), new(Changes)
		tb.Join(g, 1, 1, c)
		tb.Join(g, 2, 1, c)
		tb.Leave(g, 1, c)
		tb.Leave(g, 3, c)
		want(t, tb, "2/5/239.1.1.1")
		tb.Leave(g, 2, c)
		if _, ok := tb.Members(g, nil); ok || tb.Len() != 0 {
			t.Error("the group is there without members")
		}
		if len(c.Groups) != 4 {
			t.Errorf("changes: got %v, want four", c.Groups)
		}
	})
	t.Run("reserved groups and addresses that are no group's have no members", func(t *testing.T) {
		tb, c := newTable(t, Options{}), new(Changes)
		for _, a := range []string{"224.0.0.251", "10.0.0.1", "ff02::1", "2001:db8::1", "0.0.0.0"} {
			tb.Join(key(0, a), 1, 1, c)
		}
		want(t, tb, "")
		tb.Join(key(0, "224.0.1.1"), 1, 1, c)
		tb.Join(key(0, "ff02::2"), 1, 1, c)
		want(t, tb, "1/0/224.0.1.1 1/0/ff02::2")
	})
	t.Run("what nobody confirms is forgotten, routers earlier", func(t *testing.T) {
		tb, c := newTable(t, Options{}), new(Changes)
		tb.Join(g, 1, 0, c)
		tb.Join(g, 2, 0, c)
		tb.Query(5, 3, 0, c)
		*c = Changes{}
		tb.Expire(180*second-1, c)
		if c.Any() {
			t.Errorf("before their time: got %+v", c)
		}
		tb.Join(g, 2, 179*second, c)
		tb.Expire(180*second, c)
		want(t, tb, "1/5/239.1.1.1 2/5/239.1.1.1")
		tb.Expire(300*second, c)
		want(t, tb, "2/5/239.1.1.1")
		if got := tb.Counts(); got != (Counts{Learned: 2, Expired: 1}) {
			t.Errorf("got %+v", got)
		}
	})
}

func TestRouters(t *testing.T) {
	tb, c := newTable(t, Options{}), new(Changes)
	tb.Query(5, 3, 0, c)
	tb.Query(5, 3, 100*second, c)
	tb.Query(5, 4, 0, c)
	if !slices.Equal(c.Routers, []uint16{5, 5}) {
		t.Errorf("changes: got %v, want two", c.Routers)
	}
	tb.Join(key(5, "239.1.1.1"), 3, 1, c)
	tb.Join(key(6, "239.1.1.1"), 3, 1, c)
	want(t, tb, "3/6/239.1.1.1 3/5/router 4/5/router")
	tb.Expire(180*second, c)
	if got := tb.Routers(5, nil); !slices.Equal(got, []uint32{3}) {
		t.Errorf("got %v, want the router that has asked again", got)
	}
}

func TestFlush(t *testing.T) {
	for _, tc := range []struct {
		name string
		f    Filter
		left string
		n    int
	}{
		{"all", Filter{}, "", 5},
		{"a port", Filter{Port: 1, OnPort: true}, "2/5/239.1.1.1 2/5/router", 3},
		{"a VLAN", Filter{VLAN: 5, InVLAN: true}, "1/6/239.1.1.1", 4},
		{"a VLAN of a port", Filter{VLAN: 5, InVLAN: true, Port: 1, OnPort: true}, "2/5/239.1.1.1 1/6/239.1.1.1 2/5/router", 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tb, c := newTable(t, Options{}), new(Changes)
			tb.Join(key(5, "239.1.1.1"), 1, 0, c)
			tb.Join(key(5, "239.1.1.1"), 2, 0, c)
			tb.Join(key(6, "239.1.1.1"), 1, 0, c)
			tb.Query(5, 1, 0, c)
			tb.Query(5, 2, 0, c)
			*c = Changes{}
			if n := tb.Flush(tc.f, c); n != tc.n || !c.Any() {
				t.Errorf("got %d flushed and %+v, want %d", n, c, tc.n)
			}
			want(t, tb, tc.left)
		})
	}
}

func TestAFullTableTakesFromThePortThatHasMost(t *testing.T) {
	tb, c := newTable(t, Options{Capacity: 10}), new(Changes)
	tb.Join(key(0, "239.0.0.1"), 1, 0, c) // the oldest, of a modest port
	for i := range 9 {
		tb.Join(key(0, fmt.Sprintf("239.1.1.%d", i)), 2, int64(i), c)
	}
	tb.Join(key(0, "239.1.1.0"), 2, 100, c) // so 239.1.1.1 is the oldest of port 2
	*c = Changes{}
	tb.Join(key(0, "239.0.0.2"), 1, 101, c)
	if wanted := []Key{key(0, "239.1.1.1"), key(0, "239.0.0.2")}; !slices.Equal(c.Groups, wanted) {
		t.Errorf("changed: got %v, want %v", c.Groups, wanted)
	}
	if got := tb.Counts().Evicted; got != 1 || tb.Len() != 10 {
		t.Errorf("got %d evicted, %d groups", got, tb.Len())
	}
	if err := tb.SetOptions(Options{Capacity: 10}, c); err != nil {
		t.Fatal(err)
	}
}

// A slowTable is the table in the plainest way: maps, searched from end to end.
type slowTable struct {
	capacity int
	ageing   int64
	seq      int
	members  map[slowMember]*slowUse
	routers  map[slowMember]int64 // by VLAN and port
}

type slowMember struct {
	key  Key
	port uint32
}

type slowUse struct {
	used int64
	seq  int
}

func (s *slowTable) groups() int {
	seen := make(map[Key]bool)
	for m := range s.members {
		seen[m.key] = true
	}
	return len(seen)
}

func (s *slowTable) join(k Key, port uint32, now int64) {
	if _, ok := s.routers[slowMember{Key{VLAN: k.VLAN}, port}]; ok || !k.Addr().IsMulticast() || Reserved(k.Group) {
		return
	}
	known := false
	for m := range s.members {
		known = known || m.key == k
	}
	for !known && s.groups() >= s.capacity {
		count := make(map[uint32]int)
		most := uint32(1000)
		for m := range s.members {
			count[m.port]++
		}
		for p := range count {
			if most == 1000 || count[p] > count[most] || count[p] == count[most] && p < most {
				most = p
			}
		}
		var victim slowMember
		for m, u := range s.members {
			if m.port == most && (s.members[victim] == nil || u.seq < s.members[victim].seq) {
				victim = m
			}
		}
		delete(s.members, victim)
	}
	s.seq++
	s.members[slowMember{k, port}] = &slowUse{now, s.seq}
}

func (s *slowTable) shown() string {
	var list []Entry
	for m := range s.members {
		list = append(list, Entry{Key: m.key, Port: m.port})
	}
	var parts []string
	slices.SortFunc(list, func(a, b Entry) int {
		return strings.Compare(fmt.Sprintf("%04d%x%03d", a.Key.VLAN, a.Key.Group, a.Port), fmt.Sprintf("%04d%x%03d", b.Key.VLAN, b.Key.Group, b.Port))
	})
	for _, e := range list {
		parts = append(parts, fmt.Sprintf("%d/%v", e.Port, e.Key))
	}
	var routers []string
	for r := range s.routers {
		routers = append(routers, fmt.Sprintf("%d/%d/router", r.port, r.key.VLAN))
	}
	slices.SortFunc(routers, func(a, b string) int {
		x, y := strings.Split(a, "/"), strings.Split(b, "/")
		return strings.Compare(x[1]+x[0], y[1]+y[0])
	})
	return strings.Join(append(parts, routers...), " ")
}

func TestTheTableAgreesWithANaiveTwin(t *testing.T) {
	seeds := uint64(6)
	if testing.Short() {
		seeds = 1
	}
	for seed := range seeds {
		g := rand.New(rand.NewPCG(seed, 0))
		opt := Options{Capacity: 10 + g.IntN(5), Ageing: 20 * time.Second}
		tb, c := newTable(t, opt), new(Changes)
		slow := &slowTable{opt.Capacity, int64(opt.Ageing), 0, make(map[slowMember]*slowUse), make(map[slowMember]int64)}
		now := int64(1)
		for step := range 2000 {
			now += 1 + g.Int64N(second/4)
			k := key(uint16(g.IntN(2)), fmt.Sprintf("239.1.1.%d", g.IntN(20)))
			port := uint32(1 + g.IntN(4))
			router := slowMember{Key{VLAN: k.VLAN}, port}
			before := shown(tb, now)
			*c = Changes{}
			what := ""
			switch op := g.IntN(200); {
			case op < 150:
				what = fmt.Sprintf("%v on %d", k, port)
				tb.Join(k, port, now, c)
				slow.join(k, port, now)
			case op < 170:
				what = fmt.Sprintf("leave %v on %d", k, port)
				tb.Leave(k, port, c)
				delete(slow.members, slowMember{k, port})
			case op < 172:
				what = fmt.Sprintf("router on %d", port)
				tb.Query(k.VLAN, port, now, c)
				slow.routers[router] = now
			case op < 174:
				what = "flush"
				f := Filter{Port: port, OnPort: g.IntN(2) == 0, VLAN: k.VLAN, InVLAN: g.IntN(2) == 0}
				tb.Flush(f, c)
				for m := range slow.members {
					if f.selects(m.key.VLAN, m.port) {
						delete(slow.members, m)
					}
				}
				for m := range slow.routers {
					if f.selects(m.key.VLAN, m.port) {
						delete(slow.routers, m)
					}
				}
			default:
				what = "expire"
				tb.Expire(now, c)
				for m, u := range slow.members {
					if now-u.used >= slow.ageing {
						delete(slow.members, m)
					}
				}
				for m, used := range slow.routers {
					if now-used >= int64(RouterAgeing) {
						delete(slow.routers, m)
					}
				}
			}
			after := shown(tb, now)
			if after != slow.shown() {
				t.Fatalf("seed %d, step %d, %s:\ngot  %s\nwant %s", seed, step, what, after, slow.shown())
			}
			if c.Any() != (before != after) {
				t.Fatalf("seed %d, step %d, %s: from %s to %s, but changes are %+v", seed, step, what, before, after, c)
			}
		}
	}
}

func TestReportsThatConfirmAllocateNothing(t *testing.T) {
	tb, c := newTable(t, Options{}), new(Changes)
	a, b := key(0, "239.1.1.1"), key(0, "ff3e::1")
	tb.Join(a, 1, 0, c)
	tb.Join(b, 1, 0, c)
	now := int64(0)
	ports := make([]uint32, 0, 8)
	if n := testing.AllocsPerRun(1000, func() {
		now++
		tb.Join(a, 1, now, c)
		tb.Join(b, 1, now, c)
		tb.Query(0, 2, now, c)
		ports, _ = tb.Members(a, ports[:0])
		ports = tb.Routers(0, ports)
	}); n != 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}

// Every packet of a storm reports a group that nobody has seen, to a table that is full.
func BenchmarkStorm(b *testing.B) {
	tb, c := newTable(b, Options{}), new(Changes)
	b.ReportAllocs()
	n := uint32(0)
	for b.Loop() {
		n++
		k := Key{Group: [16]byte{10: 0xff, 11: 0xff, 12: 239, 13: byte(n >> 16), 14: byte(n >> 8), 15: byte(n)}}
		*c = Changes{Groups: c.Groups[:0]}
		tb.Join(k, n%8, int64(n), c)
	}
}

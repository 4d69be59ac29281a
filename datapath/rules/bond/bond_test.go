package bond

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

const second = int64(time.Second)

// A lab is a bond of the members a, b and c, whose ports are 1, 2 and 3.
type lab struct {
	t   *testing.T
	b   *Bond
	now int64
	up  [3]bool
}

func newLab(t *testing.T, c Config) *lab {
	t.Helper()
	c.Name = "bond0"
	c.Members = []Member{{Name: "a"}, {Name: "b"}, {Name: "c"}}
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, b: New(c), now: second, up: [3]bool{true, true, true}}
	l.tell()
	return l
}

// tell gives the bond its links as they are.
func (l *lab) tell() (ch Changes) {
	var links []Link
	for i, up := range l.up {
		links = append(links, Link{Name: string(rune('a' + i)), ID: uint32(i + 1), Number: uint16(i + 1), MAC: [6]byte{2, 0, 0, 0, 0, byte(i + 1)}, Up: up})
	}
	l.b.SetLinks(links, l.now, &ch)
	return ch
}

func (l *lab) set(member int, up bool) Changes {
	l.up[member] = up
	return l.tell()
}

// pass lets time pass and returns what has changed.
func (l *lab) pass(d time.Duration) (ch Changes) {
	for end := l.now + int64(d); l.now < end; {
		l.now += int64(100 * time.Millisecond)
		l.b.Run(l.now, &ch, func(uint32, []byte) { l.t.Error("a bond without LACP sends") })
	}
	return ch
}

func (l *lab) wantActive(port uint32) {
	l.t.Helper()
	if got := l.b.Active(); got != port {
		l.t.Errorf("the active member is %d, want %d", got, port)
	}
}

// buckets counts the buckets of each port.
func (l *lab) buckets() map[uint32]int {
	n := make(map[uint32]int)
	for i := range Buckets {
		n[l.b.Bucket(uint8(i))]++
	}
	return n
}

func TestAnotherMemberIsActiveWhenOneFails(t *testing.T) {
	l := newLab(t, Config{})
	l.wantActive(1)
	ch := l.set(0, false)
	l.wantActive(2)
	if !ch.Active || !ch.Announce || ch.All || !slices.Contains(ch.Members, 1) || !slices.Contains(ch.Members, 2) {
		t.Errorf("changes: %+v", ch)
	}
	l.set(0, true)
	l.wantActive(2) // who has it keeps it
	l.set(1, false)
	l.wantActive(1)
	l.up = [3]bool{}
	l.tell()
	l.wantActive(None)
	l.set(1, true)
	l.wantActive(2)
}

func TestThePrimaryMemberIsActiveWheneverItCan(t *testing.T) {
	l := newLab(t, Config{Primary: "c"})
	l.wantActive(3)
	l.set(2, false)
	l.wantActive(1)
	l.set(2, true)
	l.wantActive(3)
}

func TestDelaysMakeLinksWait(t *testing.T) {
	l := newLab(t, Config{UpDelay: 2 * time.Second, DownDelay: time.Second})
	l.pass(3 * time.Second)
	l.set(0, false)
	l.pass(900 * time.Millisecond)
	l.wantActive(1)
	l.set(0, true)
	l.pass(2 * time.Second)
	l.wantActive(1) // it was not down for long enough
	l.set(0, false)
	l.pass(time.Second)
	l.wantActive(2)
	l.set(0, true)
	l.pass(1900 * time.Millisecond)
	if s := l.b.State(l.now); s.Members[0].Enabled || s.Members[0].Due != 100*time.Millisecond {
		t.Errorf("after 1.9 s: %+v", s.Members[0])
	}
	l.pass(100 * time.Millisecond)
	if s := l.b.State(l.now); !s.Members[0].Enabled {
		t.Errorf("after 2 s: %+v", s.Members[0])
	}
}

func TestUpdelayDoesNotKeepABondWithoutAnyMemberDown(t *testing.T) {
	l := newLab(t, Config{UpDelay: time.Minute})
	l.wantActive(1)
	l.up = [3]bool{}
	l.tell()
	l.wantActive(None)
	l.set(2, true)
	l.wantActive(3)
}

func TestAMemberThatSomebodyDisabledStaysSo(t *testing.T) {
	l := newLab(t, Config{})
	var ch Changes
	if err := l.b.SetEnabled("a", false, l.now, &ch); err != nil {
		t.Fatal(err)
	}
	l.wantActive(2)
	l.set(0, false)
	l.set(0, true)
	l.pass(time.Second)
	if l.b.State(l.now).Members[0].Enabled {
		t.Error("its carrier has enabled it")
	}
	if err := l.b.SetActive("a", &ch); err == nil {
		t.Error("a disabled member is made the active one")
	}
	if err := l.b.SetEnabled("a", true, l.now, &ch); err != nil || !l.b.State(l.now).Members[0].Enabled {
		t.Error("it does not come back", err)
	}
	if err := l.b.SetActive("a", &ch); err != nil {
		t.Error(err)
	}
	l.wantActive(1)
	if err := l.b.SetEnabled("nobody", true, l.now, &ch); err == nil {
		t.Error("want an error for a member that is none")
	}
}

func TestHashesAreSharedOutAndMoveOnlyFromWhoFails(t *testing.T) {
	l := newLab(t, Config{Mode: BalanceSLB})
	if n := l.buckets(); n[1] < 85 || n[2] < 85 || n[3] < 85 {
		t.Fatalf("shares: %v", n)
	}
	was := [Buckets]uint32{}
	for i := range was {
		was[i] = l.b.Bucket(uint8(i))
	}
	ch := l.set(1, false)
	for i := range was {
		moved := slices.Contains(ch.Buckets, uint8(i))
		if moved != (was[i] == 2) {
			t.Fatalf("bucket %d of %d moved: %v", i, was[i], moved)
		}
		l.b.Account(uint8(i), 1) // all have load now
	}
	if ch := l.set(1, true); len(ch.Buckets) != 0 {
		t.Errorf("%d buckets with load moved to a member that came", len(ch.Buckets))
	}
	l.up = [3]bool{}
	if l.tell(); l.buckets()[None] != Buckets {
		t.Errorf("without a member: %v", l.buckets())
	}
}

func TestIdleHashesMoveToAMemberThatComes(t *testing.T) {
	l := newLab(t, Config{Mode: BalanceSLB})
	l.set(0, false)
	l.set(0, true)
	if n := l.buckets(); n[1] < 85 {
		t.Errorf("shares: %v", n)
	}
}

func TestLoadIsSharedOutAnew(t *testing.T) {
	l := newLab(t, Config{Mode: BalanceSLB, Rebalance: 10 * time.Second})
	g := rand.New(rand.NewPCG(1, 2))
	load := func() map[uint32]uint64 {
		n := make(map[uint32]uint64)
		for i := range Buckets {
			n[l.b.Bucket(uint8(i))] += l.b.load[i].Load()
		}
		return n
	}
	for i := range Buckets {
		bytes := uint64(g.IntN(1000))
		if l.b.Bucket(uint8(i)) == 1 {
			bytes += 100_000
		}
		l.b.Account(uint8(i), bytes)
	}
	ch := l.pass(9 * time.Second)
	if len(ch.Buckets) != 0 {
		t.Fatal("moved before the interval was over")
	}
	ch = l.pass(1500 * time.Millisecond)
	after := load()
	most, least := max(after[1], after[2], after[3]), min(after[1], after[2], after[3])
	if len(ch.Buckets) < 50 || most-least > fewBytes {
		t.Errorf("%d moved, loads are %v", len(ch.Buckets), after)
	}
	if ch := l.pass(10 * time.Second); len(ch.Buckets) != 0 {
		t.Errorf("%d moved again", len(ch.Buckets))
	}
	if total := after[1] + after[2] + after[3]; total > 86*101_000/2+Buckets*1000 {
		t.Errorf("the load does not fade: %d", total)
	}
}

func TestOneHashWithAllTheLoadStays(t *testing.T) {
	l := newLab(t, Config{Mode: BalanceSLB, Rebalance: time.Second})
	l.pass(time.Second)
	l.b.Account(7, 1e9)
	if ch := l.pass(5 * time.Second); slices.Contains(ch.Buckets, 7) {
		t.Error("it moved, for nothing")
	}
}

func TestSourcesAndVLANsSpread(t *testing.T) {
	l := newLab(t, Config{Mode: BalanceSLB})
	seen := make(map[uint8]int)
	for i := range 2560 {
		seen[l.b.SourceBucket([6]byte{2, 0, 0, 0, byte(i >> 8), byte(i)}, 0)]++
	}
	if len(seen) < 250 {
		t.Errorf("2560 addresses are in %d buckets", len(seen))
	}
	a := [6]byte{2, 0, 0, 0, 0, 1}
	if l.b.SourceBucket(a, 1) == l.b.SourceBucket(a, 2) && l.b.SourceBucket(a, 1) == l.b.SourceBucket(a, 3) {
		t.Error("VLANs make no difference")
	}
}

func TestWhoIsLetIn(t *testing.T) {
	for _, c := range []struct {
		name            string
		cfg             Config
		active, another [2]Admission // unicast, multicast
	}{
		{"active-backup", Config{}, [2]Admission{Accepted, Accepted}, [2]Admission{Refused, Refused}},
		{"active-backup, all members active", Config{AllMembersActive: true}, [2]Admission{Accepted, Accepted}, [2]Admission{Refused, Refused}},
		{"balance-slb", Config{Mode: BalanceSLB}, [2]Admission{UnlessElsewhere, UnlessElsewhere}, [2]Admission{UnlessElsewhere, Refused}},
		{"balance-slb, all members active", Config{Mode: BalanceSLB, AllMembersActive: true},
			[2]Admission{UnlessElsewhere, UnlessElsewhere}, [2]Admission{UnlessElsewhere, UnlessElsewhere}},
		{"LACP without a partner", Config{Mode: BalanceTCP, LACP: LACPActive}, [2]Admission{}, [2]Admission{}},
		{"LACP without a partner, with fallback", Config{Mode: BalanceTCP, LACP: LACPActive, FallbackAB: true},
			[2]Admission{Accepted, Accepted}, [2]Admission{Refused, Refused}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t, c.cfg)
			var ch Changes
			l.b.Run(l.now, &ch, func(uint32, []byte) {})
			l.b.Run(l.now, &ch, func(uint32, []byte) {})
			for multicast := range 2 {
				if got := l.b.Admit(1, multicast == 1); got != c.active[multicast] {
					t.Errorf("active member, multicast %d: got %d, want %d", multicast, got, c.active[multicast])
				}
				if got := l.b.Admit(2, multicast == 1); got != c.another[multicast] {
					t.Errorf("another member, multicast %d: got %d, want %d", multicast, got, c.another[multicast])
				}
			}
			if l.b.Admit(9, false) != Refused {
				t.Error("a port that is no member's is let in")
			}
		})
	}
}

func TestTwoBondsFindEachOther(t *testing.T) {
	c := Config{Mode: BalanceTCP, LACP: LACPActive, Fast: true, UpDelay: time.Hour}
	x, y := newLab(t, c), newLab(t, c)
	y.b.cfg.System = [6]byte{2, 0, 0, 0, 1, 0}
	y.tell()
	ends := [...]*lab{x, y}
	pass := func(d time.Duration) {
		for end := x.now + int64(d); x.now < end; {
			for i, l := range ends {
				l.now += int64(100 * time.Millisecond)
				var ch Changes
				l.b.Run(l.now, &ch, func(port uint32, frame []byte) {
					if o := ends[1-i]; o.up[port-1] {
						o.b.Hear(port, frame[14:], o.now)
					}
				})
			}
		}
	}
	if x.b.Way() != Nowhere {
		t.Error("balance-tcp without a partner sends")
	}
	pass(2 * time.Second)
	for i, l := range ends {
		s := l.b.State(l.now)
		if s.Status != LACPNegotiated || l.b.Way() != ByHash || !s.Members[0].Enabled || !s.Members[2].Enabled || l.b.Admit(2, true) != Accepted {
			t.Fatalf("end %d: %+v", i, s)
		}
	}
	x.set(1, false)
	if n := x.buckets(); n[2] != 0 || n[1] != 128 {
		t.Errorf("a member down: %v", n)
	}
	if y.up[1] = false; y.tell().Announce {
		t.Error("a bond whose partner knows that its links are one announces addresses")
	}
	x.up, y.up = [3]bool{}, [3]bool{}
	x.tell()
	y.tell()
	pass(10 * time.Second)
	if x.b.Way() != Nowhere || x.b.Status() != LACPConfigured {
		t.Errorf("all down: %v", x.b.Status())
	}
}

func TestSettingsChangeWhileABondLives(t *testing.T) {
	l := newLab(t, Config{})
	l.set(0, false)
	for _, c := range []Config{
		{Mode: BalanceSLB}, {Mode: BalanceTCP, LACP: LACPActive}, {Mode: BalanceTCP, LACP: LACPPassive, FallbackAB: true}, {},
	} {
		c.Name, c.Members = "bond0", l.b.cfg.Members
		var ch Changes
		if l.b.SetConfig(c, l.now, &ch); !ch.All {
			t.Errorf("%+v: changes nothing", c)
		}
		l.b.Run(l.now, &ch, func(uint32, []byte) {})
	}
	l.wantActive(2)
	c := *l.b.Config()
	c.Members = c.Members[2:]
	var ch Changes
	l.b.SetConfig(c, l.now, &ch)
	l.wantActive(3)
	if s := l.b.State(l.now); len(s.Members) != 1 {
		t.Errorf("members: %+v", s.Members)
	}
}

func TestMistakesAreNamed(t *testing.T) {
	two := []Member{{Name: "a"}, {Name: "b"}}
	for _, c := range []Config{
		{Members: two},
		{Name: "x"},
		{Name: "x", Members: []Member{{Name: "a"}, {Name: "a"}}},

		{Name: "x", Members: two, Primary: "c"},
		{Name: "x", Members: two, Rebalance: time.Millisecond},
		{Name: "x", Members: two, Mode: BalanceTCP},
	} {
		if c.Check() == nil {
			t.Errorf("%+v: want an error", c)
		}
	}
}

// FuzzBond drives a bond with anything: whatever happens, who sends is up, and each bucket is somebody's who is enabled.
func FuzzBond(f *testing.F) {
	f.Add([]byte{1, 2, 3, 200, 100, 50, 7, 7, 7})
	f.Fuzz(func(t *testing.T, data []byte) {
		modes := []Config{{}, {Mode: BalanceSLB, Rebalance: time.Second}, {UpDelay: time.Second, DownDelay: 2 * time.Second}, {Mode: BalanceSLB, LACP: LACPActive, FallbackAB: true}}
		if len(data) == 0 {
			return
		}
		l := newLab(t, modes[int(data[0])%len(modes)])
		for _, op := range data[1:] {
			var ch Changes
			member := int(op>>3) % 3
			switch op & 7 {
			case 0, 1:
				l.set(member, op&1 != 0)
			case 2:
				l.b.Account(op, uint64(op)<<12)
			case 3:
				l.now += int64(op) * int64(10*time.Millisecond)
				l.b.Run(l.now, &ch, func(uint32, []byte) {})
			case 4:
				l.b.SetEnabled(string(rune('a'+member)), op&64 != 0, l.now, &ch)
			case 5:
				l.b.SetActive(string(rune('a'+member)), &ch)
			default:
				l.b.Hear(uint32(member+1), data, l.now)
			}
			checkBond(t, l, fmt.Sprintf("%x, %d", data, op))
		}
	})
}

func checkBond(t *testing.T, l *lab, what string) {
	t.Helper()
	s := l.b.State(l.now)
	enabled := make(map[uint32]bool)
	for i, m := range s.Members {
		enabled[uint32(i+1)] = m.Enabled
		if m.Held && m.Enabled {
			t.Fatalf("%s: member %d is enabled against its user's will", what, i+1)
		}
	}
	if a := l.b.Active(); a != None && !enabled[a] {
		t.Fatalf("%s: the active member %d is disabled", what, a)
	}
	if l.b.cfg.Mode == ActiveBackup {
		return
	}
	for i := range Buckets {
		if p := l.b.Bucket(uint8(i)); p == None && l.b.Active() != None || p != None && !enabled[p] {
			t.Fatalf("%s: bucket %d is %d's", what, i, p)
		}
	}
}

package lacp

import (
	"testing"
	"time"
)

// A lab is groups whose members are wired to each other, with a clock of their own.
type lab struct {
	now    int64
	groups []*Group
	wires  map[*Member]*Member
	cut    map[*Member]bool // what is sent there gets lost
}

func newLab(options ...Options) *lab {
	l := &lab{now: 1, wires: make(map[*Member]*Member), cut: make(map[*Member]bool)}
	for i, o := range options {
		o.System[5] = byte(i + 1)
		l.groups = append(l.groups, NewGroup(o))
	}
	return l
}

// wire joins a link between two groups and returns its ends.
func (l *lab) wire(a, b int) (*Member, *Member) {
	x := l.groups[a].Join(MemberOptions{Port: uint16(10*a + len(l.groups[a].members) + 1)})
	y := l.groups[b].Join(MemberOptions{Port: uint16(10*b + len(l.groups[b].members) + 1)})
	l.wires[x], l.wires[y] = y, x
	return x, y
}

// pass lets time pass, a tenth of a second at a time, and returns how many messages were sent.
func (l *lab) pass(d time.Duration) (sent int) {
	for end := l.now + int64(d); l.now < end; l.now += int64(100 * time.Millisecond) {
		for _, g := range l.groups {
			g.Run(l.now, func(m *Member, p *PDU) {
				sent++
				if to := l.wires[m]; to != nil && !l.cut[to] {
					to.Receive(p.Append(nil), l.now)
				}
			})
		}
	}
	return sent
}

func TestTwoEndsAgree(t *testing.T) {
	for _, c := range []struct {
		name string
		a, b Options
		want bool
	}{
		{"both active", Options{Active: true}, Options{Active: true}, true},
		{"one answers", Options{Active: true}, Options{}, true},
		{"the other answers", Options{}, Options{Active: true}, true},
		{"nobody begins", Options{}, Options{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(c.a, c.b)
			a1, b1 := l.wire(0, 1)
			a2, b2 := l.wire(0, 1)
			l.pass(time.Second)
			for i, m := range []*Member{a1, b1, a2, b2} {
				if m.MayEnable() != c.want {
					t.Errorf("member %d: got %v, want %v: actor %v, partner %v", i, m.MayEnable(), c.want, m.Actor().State, m.Partner().State)
				}
			}
			if l.groups[0].Negotiated() != c.want {
				t.Errorf("negotiated: got %v, want %v", !c.want, c.want)
			}
			if c.want && a1.Partner().System != [6]byte{0, 0, 0, 0, 0, 2} {
				t.Errorf("the partner is %v", a1.Partner())
			}
		})
	}
}

func TestMessagesComeAsOftenAsTheOtherEndWants(t *testing.T) {
	for _, c := range []struct {
		fast     bool
		min, max int
	}{{true, 59, 61}, {false, 2, 3}} {
		l := newLab(Options{Active: true, Fast: c.fast}, Options{Active: true})
		a, b := l.wire(0, 1)
		l.pass(2 * time.Second)
		before := b.Sent
		l.pass(time.Minute)
		if n := int(b.Sent - before); n < c.min || n > c.max {
			t.Errorf("fast %v: %d messages in a minute, want %d to %d", c.fast, n, c.min, c.max)
		}
		if n := int(a.Sent); n > 10 {
			t.Errorf("fast %v: %d messages to one who wants one in half a minute", c.fast, n)
		}
	}
}

func TestWhoFallsSilentIsAskedAndThenGone(t *testing.T) {
	l := newLab(Options{Active: true, Fast: true}, Options{Active: true, Fast: true})
	a1, _ := l.wire(0, 1)
	a2, _ := l.wire(0, 1)
	l.pass(2 * time.Second)
	l.cut[a1] = true
	l.pass(2 * time.Second)
	if !a1.MayEnable() {
		t.Fatal("given up before three messages were lost")
	}
	l.pass(1500 * time.Millisecond)
	if a1.MayEnable() || a1.Status() != "expired" || a1.Actor().State&Expired == 0 {
		t.Errorf("after 3 s: %s, may be enabled: %v", a1.Status(), a1.MayEnable())
	}
	l.pass(3 * time.Second)
	if a1.Status() != "defaulted" || a1.Partner() != (Info{}) || a1.Attached() {
		t.Errorf("after 6 s: %s, partner %v", a1.Status(), a1.Partner())
	}
	if !a2.MayEnable() {
		t.Error("the other member suffers")
	}
	delete(l.cut, a1)
	l.pass(2 * time.Second)
	if !a1.MayEnable() {
		t.Error("does not come back")
	}
}

func TestOnlyLinksToOneSystemAreUsedTogether(t *testing.T) {
	l := newLab(Options{Active: true}, Options{Active: true, SystemPriority: 7}, Options{Active: true, SystemPriority: 8})
	a1, _ := l.wire(0, 1)
	a2, _ := l.wire(0, 1)
	a3, other := l.wire(0, 2)
	l.pass(3 * time.Second)
	if !a1.MayEnable() || !a2.MayEnable() || a3.MayEnable() || other.MayEnable() {
		t.Errorf("got %v, %v, %v: want the first two", a1.MayEnable(), a2.MayEnable(), a3.MayEnable())
	}
}

func TestABondWiredToItselfIsNotUsed(t *testing.T) {
	l := newLab(Options{Active: true})
	x, y := l.wire(0, 0)
	l.pass(3 * time.Second)
	if x.MayEnable() || y.MayEnable() || !x.Loops() || l.groups[0].Negotiated() {
		t.Errorf("loops %v, may be enabled %v", x.Loops(), x.MayEnable())
	}
}

func TestFallbackUsesWhoHearsNobodyUntilSomebodyIsHeard(t *testing.T) {
	l := newLab(Options{Active: true, Fast: true, FallbackAB: true}, Options{})
	a1, b1 := l.wire(0, 1)
	a2, b2 := l.wire(0, 1)
	l.cut[b1], l.cut[b2] = true, true
	l.pass(time.Second)
	if !a1.MayEnable() || !a2.MayEnable() || l.groups[0].Negotiated() {
		t.Errorf("nobody heard: %v, %v", a1.MayEnable(), a2.MayEnable())
	}
	delete(l.cut, b1)
	l.pass(31 * time.Second) // who hears nobody says so every 30 s
	if !a1.MayEnable() || a2.MayEnable() || !l.groups[0].Negotiated() {
		t.Errorf("one heard: %v, %v", a1.MayEnable(), a2.MayEnable())
	}
}

func TestACarrierThatComesMeansToAskAnew(t *testing.T) {
	l := newLab(Options{Active: true}, Options{Active: true})
	a, _ := l.wire(0, 1)
	l.pass(time.Second)
	a.CarrierChanged(l.now)
	if l.groups[0].settle(); a.MayEnable() || a.Status() != "expired" {
		t.Errorf("still %s", a.Status())
	}
	l.pass(time.Second)
	if !a.MayEnable() {
		t.Error("does not agree again")
	}
}

func TestWhoChangesItsSettingsSaysSo(t *testing.T) {
	l := newLab(Options{Active: true}, Options{Active: true})
	a, b := l.wire(0, 1)
	l.pass(time.Second)
	a.SetOptions(MemberOptions{Port: 99, Key: 5, Priority: 3}, l.now)
	l.groups[0].SetOptions(Options{Active: true, SystemPriority: 77})
	l.pass(2 * time.Second)
	want := Info{SystemPriority: 77, Key: 5, PortPriority: 3, Port: 99}
	got := b.Partner()
	got.State = 0
	if got != want || !a.MayEnable() {
		t.Errorf("got %+v, want %+v; may be enabled: %v", got, want, a.MayEnable())
	}
	l.groups[0].Leave(a)
	if l.pass(time.Second); l.groups[0].Negotiated() {
		t.Error("negotiated without members")
	}
}

package openflow

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestWhatIsWatchedIsSaidAsToOvsOfctl(t *testing.T) {
	const there = "cookie=7,priority=3,ip,actions=2\ntable=1,tcp,actions=3"
	const changes = "add arp,actions=1\nmodify ip,actions=1\nmodify ip,actions=3\ndelete table=1\nadd table=1,udp,actions=2"
	first := []string{"event=ADDED table=0 cookie=0x7 priority=3,ip actions=output:2", "event=ADDED table=1 cookie=0 tcp actions=output:3"}
	added := []string{"event=ADDED table=0 cookie=0 arp actions=output:1", "event=ADDED table=1 cookie=0 udp actions=output:2"}
	for spec, want := range map[string][]string{
		"": slices.Concat(first, added[:1], []string{
			"event=MODIFIED table=0 cookie=0x7 priority=3,ip actions=output:1", "event=MODIFIED table=1 cookie=0 tcp actions=output:1",
			"event=MODIFIED table=0 cookie=0x7 priority=3,ip actions=output:3", "event=MODIFIED table=1 cookie=0 tcp actions=output:3",
			"event=DELETED reason=delete table=1 cookie=0 tcp actions=output:3",
		}, added[1:]),
		"!initial, !modify,!delete":           added,
		"!add,!modify,!delete":                first,
		"!initial,!add,!modify,!own,!actions": {"event=DELETED reason=delete table=1 cookie=0 tcp"},
		"table=1,!initial,!modify":            {"event=DELETED reason=delete table=1 cookie=0 tcp actions=output:3", added[1]},
		"arp !initial":                        added[:1],
		"cookie=7/-1,!modify":                 first[:1],
		// What does so no longer is told, too.
		"!initial,table=0,out_port=1": {added[0], "event=MODIFIED table=0 cookie=0x7 priority=3,ip actions=output:1", "event=MODIFIED table=0 cookie=0x7 priority=3,ip actions=output:3"},
	} {
		tb, _ := newTable(t, Options{}, trunks(1, 2, 3), there)
		w, err := Parser{Ports: tb}.ParseWatch(spec)
		if err != nil {
			t.Errorf("%s: %v", spec, err)
			continue
		}
		s := tb.Subscribe(w, 10)
		for change := range strings.SplitSeq(changes, "\n") {
			if _, err := apply(t, tb, change); err != nil {
				t.Fatal(err)
			}
		}
		s.Close()
		var got []string
		for e := range s.C {
			got = append(got, e.Text())
		}
		slices.Sort(got) // those of one change come in any order
		want = slices.Sorted(slices.Values(want))
		if !slices.Equal(got, want) {
			t.Errorf("%q: got\n%s\nwant\n%s", spec, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

func TestMistakesInWhatIsWatched(t *testing.T) {
	for spec, want := range map[string]struct {
		col  int
		part string
	}{
		"!initail":             {1, "did you mean initial?"},
		"ip,!":                 {4, "want a word behind it"},
		"!initial,nw_scr=1":    {10, "did you mean nw_src?"},
		"priority=3":           {1, "strict"},
		"table=1,actions=2":    {17, "want none"},
		"!initial,table=1,!ip": {18, "want !initial, !add"},
	} {
		_, err := Parser{}.ParseWatch(spec)
		var se *SyntaxError
		if !errors.As(err, &se) || se.Col != want.col || !strings.Contains(se.Problem, want.part) {
			t.Errorf("%s: got %v, want column %d: %s", spec, err, want.col, want.part)
		}
	}
}

func TestTheFlowsThatAreThereAreMoreThanTheQueue(t *testing.T) {
	tb, _ := newTable(t, Options{}, trunks(1, 2), "ip,actions=1\narp,actions=1\ntcp,actions=1")
	w := WatchAll()
	w.Initial = true
	s := tb.Subscribe(w, 1)
	add(t, tb, "udp,actions=1")
	if len(s.C) != 4 || s.Lost() != 0 {
		t.Errorf("%d events wait and %d are lost, want all four", len(s.C), s.Lost())
	}
}

func FuzzParseWatch(f *testing.F) {
	for _, s := range []string{"", "!initial,table=1", "!add !modify\t!delete,!own,!actions", "ip,nw_dst=10.0.0.0/8,out_port=LOCAL", "cookie=1/-1,!", "!!add", ",,!actions,"} {
		f.Add(s)
	}
	tb, _ := newTable(f, Options{}, trunks(1), "ip,actions=1\ntable=1,cookie=5,arp,actions=drop")
	f.Fuzz(func(t *testing.T, s string) {
		w, err := Parser{Ports: tb}.ParseWatch(s)
		if se := (*SyntaxError)(nil); err != nil {
			if !errors.As(err, &se) || se.Col < 1 || se.Col > len(s)+1 {
				t.Errorf("%q: %v has no place", s, err)
			}
			return
		}
		sub := tb.Subscribe(w, 1)
		defer sub.Close()
		for range len(sub.C) {
			if e := <-sub.C; !w.wants(&e) && !w.NoAdded || strings.Contains(e.Text(), "actions=") == w.NoActions {
				t.Errorf("%q: %s is not asked for so", s, e.Text())
			}
		}
	})
}

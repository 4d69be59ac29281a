package oracle

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/culvertdev/culvert/datapath"
)

// script returns a random script, the same for each number.
func script(number uint64) []byte {
	r := rand.New(rand.NewPCG(number, 2))
	list := make([]byte, 200)
	for i := range list {
		list[i] = byte(r.Uint32())
	}
	return list
}

// TestCachesDoNotLie plays a hundred scenes.
func TestCachesDoNotLie(t *testing.T) {
	refused, scenes, enough := 0, uint64(100), 1000
	if testing.Short() {
		scenes, enough = 5, 1
	}
	var sum Played
	for number := range scenes {
		p, err := Play(context.Background(), number, script(number))
		if err != nil {
			t.Fatalf("scene %d: %v", number, err)
		}
		for _, lie := range p.Lies {
			t.Errorf("scene %d: %s", number, lie)
		}
		for _, r := range p.Refused {
			t.Logf("scene %d: refused %s", number, r)
		}
		refused += len(p.Refused)
		for i, n := range p.Looks {
			sum.Looks[i] += n
		}
		sum.Kin += p.Kin
		sum.During += p.During
	}
	t.Logf("look-ups: %d in the exact-match cache, %d in the megaflow cache, %d in the rules; %d packets beside them; %d changes while packets were under way",
		sum.Looks[datapath.LevelEMC], sum.Looks[datapath.LevelMegaflow], sum.Looks[datapath.LevelSlow], sum.Kin, sum.During)
	if sum.During < int(scenes) {
		t.Errorf("%d changes while packets were under way, want one a scene at least", sum.During)
	}
	for level, n := range sum.Looks {
		if n < enough {
			t.Errorf("%d look-ups were answered by the %s level, want %d at least for the test to say something", n, datapath.Level(level), enough)
		}
	}
	if refused > int(scenes) { // of some thirty in each
		t.Errorf("%d rules of %d scenes are refused", refused, scenes)
	}
}

// FuzzCachesDoNotLie plays scenes for as long as it is let: any rules, any packets, any changes between them.
// Those in testdata were chosen for what they do most of, which their names say for as long as numbers make
// the scenes they do; between two changes every packet of the scene comes once, or a script's.
func FuzzCachesDoNotLie(f *testing.F) {
	for number := range uint64(4) {
		f.Add(number, script(number))
	}
	f.Fuzz(func(t *testing.T, number uint64, script []byte) {
		if len(script) > 1000 {
			return
		}
		p, err := Play(context.Background(), number, script)
		if err != nil {
			t.Fatal(err)
		}
		for _, lie := range p.Lies {
			t.Error(lie)
		}
	})
}

// newWitness returns a witness of a switch with one rule and two ports.
func newWitness(t *testing.T) *witness {
	t.Helper()
	s := Scene{Ports: []Port{{Number: 1}, {Number: 2}}, Flows: []string{"priority=1,actions=output:2"}}
	w := &witness{generator: newGenerator(1)}
	var err error
	if w.c, _, err = newCulvert(context.Background(), &s, w.see); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.frames.Close()
		if err := w.c.close(); err != nil {
			t.Error(err)
		}
	})
	if w.frames, err = w.c.pool.NewCache(); err != nil {
		t.Fatal(err)
	}
	return w
}

// TestAWitnessSeesALie changes a rule and does not tell the caches.
func TestAWitnessSeesALie(t *testing.T) {
	w := newWitness(t)
	p := Packet{Port: 1, Data: newGenerator(1).whole()}
	for range 2 {
		if _, err := w.c.send(p); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.lies) > 0 {
		t.Fatalf("a lie where there is none: %s", w.lies[0])
	}
	if err := w.c.addFlow("priority=2,actions=drop"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.c.send(p); err != nil {
		t.Fatal(err)
	}
	if len(w.lies) == 0 {
		t.Error("the cache forwards what the rules drop by now, and nobody says so")
	}
}

// A packet waits in the worker for the answer to another of its flow, and meets the flow that was made by the rules from
// before: what the first one's answer says may be old, what the second one meets may not.
func TestAWitnessSeesALieWhilePacketsAreUnderWay(t *testing.T) {
	for _, walk := range []bool{true, false} {
		w := newWitness(t)
		data := newGenerator(1).whole()
		err := w.c.sendAll(1, [][]byte{data, data}, func(answers bool) {
			if !answers || w.late {
				return
			}
			w.late = true
			if err := w.c.addFlow("priority=2,actions=drop"); err != nil {
				t.Fatal(err)
			}
			if walk {
				w.c.sw.Walk()
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if told := len(w.lies) > 0; told == walk || !w.late {
			t.Errorf("the caches were told: %t; lies: %v", walk, w.lies)
		}
	}
}

package prober

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/cable"
)

// connect runs a cable between the guests' sockets until the test ends.
func connect(t *testing.T, w *cable.Cable, sockets [2]string) {
	t.Helper()
	if err := w.Connect(sockets); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
}

func sockets(t *testing.T) [2]string {
	dir := t.TempDir()
	return [2]string{filepath.Join(dir, "a"), filepath.Join(dir, "b")}
}

func patient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestAProberWaitsForEachPacket(t *testing.T) {
	w := new(cable.Cable)
	w.Joined.Store(true)
	at := sockets(t)
	p, err := New(at, true, 64)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	connect(t, w, at)
	if err := p.Meet(patient(t)); err != nil {
		t.Fatal(err)
	}
	times, err := p.Probe(patient(t), 1000, 50*time.Millisecond, nil)
	if err != nil || len(times) != 50 {
		t.Fatalf("%d packets, %v; want 50", len(times), err)
	}
	for _, d := range times {
		if d <= 0 {
			t.Errorf("a packet took %v", d)
		}
	}
}

func TestAProberSeesWhetherASwitchDoesAsItIsTold(t *testing.T) {
	for _, deaf := range []bool{false, true} {
		w := new(cable.Cable)
		at := sockets(t)
		p, err := New(at, true, 64)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
		connect(t, w, at)
		forward := w.Forward
		if deaf {
			w.Joined.Store(true)
			forward = func(...string) error { return nil }
			if err := p.Meet(patient(t)); err != nil { // its first packets may need longer than anybody waits for none
				t.Fatal(err)
			}
		}
		err = p.Effect(patient(t), forward, []string{"in_port=1,actions=output:2"})
		if deaf != (err != nil && strings.Contains(err.Error(), "that a rule was to drop")) || !deaf && err != nil {
			t.Errorf("it does as it is told: %v, got %v", !deaf, err)
		}
	}
}

func TestAProberSaysThatNothingPasses(t *testing.T) {
	at := sockets(t)
	p, err := New(at, false, 64)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := p.Meet(ctx); err == nil || !strings.Contains(err.Error(), "no packet passes") {
		t.Errorf("got %v", err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

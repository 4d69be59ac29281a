package suite

import (
	"errors"
	"maps"
	"testing"
	"time"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestPausesAreToldByTheirCause(t *testing.T) {
	given, collections := uint64(100), 7
	p := pauses{slices: func() (uint64, error) { return given, nil }, collected: func() (int, error) { return collections, nil }}
	must(t, p.begin())
	for _, at := range []struct {
		took time.Duration
		on   uint64 // times that the thread was given its CPU since the packet before
	}{
		{2 * time.Microsecond, 0}, {pauseTime, 1}, {pauseTime + 1, 0}, {time.Millisecond, 2}, {3 * time.Microsecond, 1}, {time.Millisecond, 0},
	} {
		given += at.on
		p.packet(at.took)
	}
	collections += 3
	got, err := p.figures()
	want := map[string]float64{measurePauses: 3, measureSwitched: 1, measureCollects: 3}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	known := make(map[string]bool)
	for _, m := range pauseMeasures() {
		known[m.Name] = true
	}
	for name := range got {
		if !known[name] {
			t.Errorf("%q is no measure", name)
		}
	}
}

func TestOfASwitchThatSaysNothingOnlyPausesAreKnown(t *testing.T) {
	p := pauses{}
	must(t, p.begin())
	p.packet(time.Second)
	if got, err := p.figures(); err != nil || !maps.Equal(got, map[string]float64{measurePauses: 1}) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestPausesThatCannotBeToldAreAnError(t *testing.T) {
	boom := errors.New("boom")
	sound := func() (uint64, error) { return 1, nil }
	for name, p := range map[string]*pauses{
		"slices at once":      {slices: func() (uint64, error) { return 0, boom }},
		"collections at once": {collected: func() (int, error) { return 0, boom }},
	} {
		if err := p.begin(); !errors.Is(err, boom) {
			t.Errorf("%s: %v", name, err)
		}
	}
	p := pauses{slices: sound}
	must(t, p.begin())
	p.slices = func() (uint64, error) { return 0, boom }
	p.packet(1)
	if _, err := p.figures(); !errors.Is(err, boom) {
		t.Errorf("slices later: %v", err)
	}
	p = pauses{collected: func() (int, error) { return 0, nil }}
	must(t, p.begin())
	p.collected = func() (int, error) { return 0, boom }
	if _, err := p.figures(); !errors.Is(err, boom) {
		t.Errorf("collections later: %v", err)
	}
}

func TestNotingAPacketMakesNoGarbage(t *testing.T) {
	p := pauses{slices: func() (uint64, error) { return 1, nil }}
	if n := testing.AllocsPerRun(100, func() { p.packet(time.Millisecond) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

//go:build integration

package suite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/bench/contest"
	"github.com/culvertdev/culvert/bench/daemon"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/result"
	"github.com/culvertdev/culvert/bench/switches"
)

// program is Culvert, built for the tests of this package.
var program string

func TestMain(m *testing.M) {
	os.Exit(daemon.WithProgram(func(built string) int {
		program = built
		return m.Run()
	}))
}

// short returns a bench with short windows, or skips the test when something is missing, which it has looked for.
func short(t *testing.T) *bench {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: network namespaces")
	}
	if err := contest.Possible(); err != nil {
		t.Skip(err)
	}
	b, err := newBench(&Options{Culvert: program, Warm: 200 * time.Millisecond, Window: 200 * time.Millisecond, Rate: 1000, Buffers: 16384}, 4)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { must(t, b.close()) })
	return b
}

// Each switch that is here forwards, driven in each way there is, and what the row is about has a figure.
func TestEverySwitchForwards(t *testing.T) {
	b := short(t)
	b.o.Rings, b.o.Sizes, b.o.Rounds = []string{"packed"}, []int{64}, 1
	b.o.Rows = []string{"no-lookup", "ip-1024", "normal-loop", "latency", "geneve-in", "vxlan-out", "afxdp-vxlan"}
	cells, err := b.o.cells(Rows())
	must(t, err)
	there, missing, err := b.o.switches(cells)
	must(t, err)
	for _, m := range missing {
		t.Log("not here: ", m)
	}
	for _, turn := range b.o.turns(cells, there) {
		for _, sw := range turn.switches[:(len(turn.switches)+1)/2] {
			t.Run(turn.Row.ID+"/"+sw.Name(), func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				var v float64
				var w result.Window
				for try := 0; try < tries && v <= 0; try++ { // others may have had the CPUs for the whole of a short window
					s, err := b.once(ctx, sw, turn.Cell, 0)
					must(t, err)
					var text strings.Builder
					s.print(&text)
					t.Log(text.String())
					w = s.result()
					v, _ = w.Value(turn.Row.Measures[0])
				}
				if v > 0 && (w.Memory > 0) != (sw.Name() != "linux-bridge") {
					t.Errorf("it has %d bytes of memory", w.Memory)
				}
				if v <= 0 {
					t.Errorf("%s is %v", turn.Row.Measures[0].Name, v)
				}
			})
		}
	}
}

// All switches of a row run beside each other, each with a generator of its own, and forward in their turns alone: the others stand still.
func TestSwitchesTakeTurnsBesideEachOther(t *testing.T) {
	b := short(t)
	b.o.Rings, b.o.Sizes, b.o.Rounds, b.o.Turns, b.o.Turn, b.o.Settle = []string{"split"}, []int{64}, 1, 4, 300*time.Millisecond, 100*time.Millisecond
	b.o.Rows = []string{"no-lookup", "vxlan-in", "afxdp-packets"}
	cells, err := b.o.cells(Rows())
	must(t, err)
	there, _, err := b.o.switches(cells)
	must(t, err)
	for _, at := range b.o.turns(cells, there) {
		t.Run(at.Row.ID, func(t *testing.T) {
			list, err := b.match(t.Context(), at, func() bool { return true })
			must(t, err)
			if len(list) != at.windows() {
				t.Errorf("got %d windows, want %d", len(list), at.windows())
			}
			most := make(map[string]float64) // a busy machine may leave a switch nothing of a short window
			for i := range list {
				w := list[i].result()
				v, _ := w.Value(at.Row.Measures[0])
				most[w.Contender] = max(most[w.Contender], v)
			}
			for _, sw := range at.contenders() {
				if most[sw.Name()] <= 0 {
					t.Errorf("%s forwards nothing in any of its turns", sw.Name())
				}
			}
		})
	}
}

// All threads of all processes of all switches have the nice value of the run, and their generators that of the bench.
func TestSwitchesHaveThePriorityOfTheRunAndGeneratorsTheirOwn(t *testing.T) {
	b := short(t)
	b.o.Rings, b.o.Sizes, b.o.Rounds, b.o.Turns, b.o.Nice = []string{"split"}, []int{64}, 1, 1, -6
	b.o.Rows = []string{"no-lookup", "port", "afxdp-packets"}
	cells, err := b.o.cells(Rows())
	must(t, err)
	there, _, err := b.o.switches(cells)
	must(t, err)
	own, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	must(t, err)
	for _, at := range b.o.turns(cells, there) {
		for i, sw := range at.contenders() {
			t.Run(at.Row.ID+"/"+sw.Name(), func(t *testing.T) {
				s, err := b.side(t.Context(), at.Cell, sw, filepath.Join(scratch(t), fmt.Sprint(i)))
				must(t, err)
				p := s.(*pair)
				wantNice(t, "the switch", p.stand.Switch.PID(), b.o.Nice)
				wantNice(t, "the generator", p.driver.PID(), 20-own)
				must(t, p.end())
			})
		}
	}
}

// scratch returns a directory whose path leaves room for that of a socket.
func scratch(t *testing.T) string {
	dir, _, err := lab.NewScratch("culvert-bench-")
	must(t, err)
	t.Cleanup(func() { must(t, dir.Close()) })
	return dir.Path
}

// wantNice wants a value of all threads of a process; 0 has none.
func wantNice(t *testing.T, who string, pid, want int) {
	t.Helper()
	if pid == 0 {
		return
	}
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	must(t, err)
	for _, thread := range threads {
		tid, err := strconv.Atoi(thread.Name())
		must(t, err)
		if got, err := unix.Getpriority(unix.PRIO_PROCESS, tid); err != nil || 20-got != want {
			t.Errorf("%s, thread %d: the nice value is %d, want %d (%v)", who, tid, 20-got, want, err)
		}
	}
}

// A long packet takes several buffers of a guest.
func TestLongPacketsPass(t *testing.T) {
	b := short(t)
	cells, err := (&Options{Rings: []string{"split", "packed"}, Sizes: []int{9000}, Rows: []string{"burst"}}).cells(Rows())
	must(t, err)
	there, _, err := b.o.switches(cells)
	must(t, err)
	for _, cell := range cells {
		for _, sw := range b.o.contenders(cell.Row, there) {
			t.Run(cell.Rings+"/"+sw.Name(), func(t *testing.T) {
				s, err := b.once(t.Context(), sw, cell, 0)
				must(t, err)
				if s.Figures["longest burst"] < 1 || s.row().Traffic.FrameBytes != 8996 {
					t.Errorf("got %+v of %d bytes", s.Figures, s.row().Traffic.FrameBytes)
				}
				t.Logf("%s: %v, configured %q", sw.Name(), s.Figures, s.Config)
			})
		}
	}
}

// testpmd forwards whatever the rules are: a window of it in a row with rules must not come to a figure.
func TestASwitchThatDoesNotDoAsItIsToldIsNotMeasured(t *testing.T) {
	b := short(t)
	sw := switches.Testpmd{}
	if err := sw.Missing(); err != nil {
		t.Skip(err)
	}
	s, err := b.once(t.Context(), sw, Cell{rowOf(t, "port"), "split", 64}, 0)
	if err == nil || !strings.Contains(err.Error(), "that a rule was to drop") {
		t.Errorf("got %v, %v; want an error", s.Figures, err)
	}
}

// A switch of the user's own is here a testpmd that the test has started.
func TestASwitchOfTheUsersOwnIsDriven(t *testing.T) {
	b := short(t)
	if err := (switches.Testpmd{}).Missing(); err != nil {
		t.Skip(err)
	}
	dir, err := os.MkdirTemp("", "culvert-own-") // t.TempDir's names are too long for sockets
	must(t, err)
	defer func() { must(t, os.RemoveAll(dir)) }()
	scene := switches.Scene{Dir: filepath.Join(dir, "own"), Space: b.space, CPU: contest.SwitchCPU, Main: contest.HostCPU}
	own := switches.Own{Called: "mine"}
	for i, name := range []string{"a", "b"} {
		own.Ports[i].Socket = filepath.Join(dir, name)
		scene.Ports = append(scene.Ports, own.Ports[i])
	}
	user, err := switches.Testpmd{}.Start(t.Context(), scene)
	must(t, err)
	defer func() { must(t, user.Stop()) }()
	must(t, user.Forward(t.Context(), nil))
	s, err := b.once(t.Context(), own, Cell{rowOf(t, "port"), "split", 64}, 0)
	must(t, err)
	if s.Figures[measureRate] <= 0 || !s.Limited {
		t.Errorf("got %+v; want a rate, of which it is not known whose limit it was", s.Found)
	}
}

// Whoever runs the suite has all that it says, in its own writer.
func TestARunSaysAllWhereItIsToldTo(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: network namespaces")
	}
	if err := contest.Possible(); err != nil {
		t.Skip(err)
	}
	var out strings.Builder
	run, err := Run(t.Context(), &Options{
		Culvert: program, Rows: []string{"latency"}, Only: []string{"culvert"}, Rings: []string{"packed"}, Sizes: []int{64}, Rounds: 1, Turns: 2, Turn: 50 * time.Millisecond,
		Warm: 100 * time.Millisecond, Window: 100 * time.Millisecond, Settle: 10 * time.Millisecond, Rate: 1000, Buffers: 16384, Out: &out,
	})
	if errors.Is(err, contest.ErrCannot) {
		t.Skip(err)
	}
	must(t, err)
	if len(run.Rows) != 1 {
		t.Errorf("%d rows, want one", len(run.Rows))
	}
	for _, want := range []string{"cells, ", "our own generator by itself", "packed, 64 bytes, latency at low load, culvert", "windows took"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, out.String())
		}
	}
}

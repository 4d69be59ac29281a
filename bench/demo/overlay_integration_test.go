//go:build integration

package demo

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/daemon"
)

// pauses are how long TCP stood still at each move, for each of two senders.
var pauses = regexp.MustCompile(`TCP from \w+ stood still for (\S+) \(`)

// said is what the demo says of all moves: the median and the longest.
var said = regexp.MustCompile(`(\d+) moves interrupted TCP for (\S+) in the median, want less than \S+; the longest for (\S+)`)

// followed checks that both senders got through to bob within a second of his leaving in the median of the moves, for the machine
// may be busy with others in one, and that the demo says so, and of the longest, what was.
func followed(t *testing.T, text string) {
	t.Helper()
	var all []time.Duration
	for _, m := range pauses.FindAllStringSubmatch(text, -1) {
		d, err := time.ParseDuration(m[1])
		must(t, err)
		all = append(all, d)
	}
	if len(all) != 2*moves {
		t.Fatalf("%d pauses, want two for each of %d moves:\n%s", len(all), moves, text)
	}
	var silences []time.Duration
	for i := 0; i < len(all); i += 2 {
		silences = append(silences, max(all[i], all[i+1]))
	}
	slices.Sort(silences)
	median, longest := silences[moves/2], silences[moves-1]
	if m, want := said.FindStringSubmatch(text), []string{fmt.Sprint(moves), median.String(), longest.String()}; m == nil || !slices.Equal(m[1:], want) {
		t.Errorf("the demo says %q, want of moves, median and longest %q", m, want)
	}
	if median >= time.Second {
		t.Errorf("TCP stood still for %v, want less than a second in the median", silences)
	}
}

func TestTheDemoWithAnOverlay(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: network namespaces")
	}
	bin := build(t)
	// A busy machine may take its time: followed looks at the times themselves.
	args := []string{"demo", "--part", "overlay", "--pause", "20s"}

	t.Run("without the plug-in says so", func(t *testing.T) {
		r := start(t, shortDir(t), bin, args...)
		r.wentWell()
		if want := "missing: culvert-vtep-etcd: it is not beside culvert"; !strings.Contains(r.text(), want) {
			t.Errorf("want %q in:\n%s", want, r.text())
		}
	})
	must(t, daemon.BuildPlugin(filepath.Join(filepath.Dir(bin), plugin)))
	if _, err := exec.LookPath("etcd"); err != nil {
		t.Skip("there is no etcd: ", err)
	}
	const namespaces = 7 // two hosts, four containers, etcd's
	t.Run("follows a container that moves and leaves nothing behind", func(t *testing.T) {
		r := start(t, shortDir(t), bin, args...)
		r.await("bob moves", namespaces)
		r.wentWell()
		followed(t, r.text())
	})
	t.Run("cleans up after Ctrl-C", func(t *testing.T) {
		r := start(t, shortDir(t), bin, args...)
		r.await("bob moves", namespaces)
		must(t, r.cmd.Process.Signal(os.Interrupt))
		if code := r.wait(); code != 1 || !strings.Contains(r.text(), "demo: broken off: interrupted") {
			t.Errorf("exit code %d, want 1:\n%s", code, r.text())
		}
		r.nothingLeft(0)
	})
	t.Run("leaves only a directory after kill -9", func(t *testing.T) {
		r := start(t, shortDir(t), bin, args...)
		r.await("bob moves", namespaces)
		must(t, r.cmd.Process.Kill())
		r.wait()
		r.nothingLeft(1)
	})
}

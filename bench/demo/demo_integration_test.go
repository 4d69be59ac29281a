//go:build integration

package demo

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/daemon"
	"github.com/culvertdev/culvert/bench/lab"
)

// build compiles culvert to where anybody may run it.
func build(t *testing.T) string {
	t.Helper()
	dir := shortDir(t)
	must(t, os.Chmod(dir, 0o755))
	bin := filepath.Join(dir, "culvert")
	must(t, daemon.Build(bin))
	return bin
}

// shortDir returns a directory whose path leaves room for that of a unix socket, which testing's may not.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "demo-test-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// A run is a demo as a process, with a directory for temporary files of its own.
type run struct {
	t      *testing.T
	cmd    *exec.Cmd
	tmp    string
	mu     sync.Mutex
	output bytes.Buffer // guarded by mu
	read   chan struct{}
	held   []lab.Hold // namespaces it had, as far as await saw them
}

func start(t *testing.T, tmp, name string, args ...string) *run {
	t.Helper()
	r := &run{t: t, tmp: tmp, cmd: exec.Command(name, args...), read: make(chan struct{})}
	r.cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
	r.cmd.Dir = "/"
	out, err := r.cmd.StdoutPipe()
	must(t, err)
	r.cmd.Stderr = r.cmd.Stdout
	must(t, r.cmd.Start())
	go func() {
		defer close(r.read)
		lines := bufio.NewReader(out)
		for {
			line, err := lines.ReadString('\n')
			r.mu.Lock()
			r.output.WriteString(line)
			r.mu.Unlock()
			if err != nil {
				io.Copy(io.Discard, out)
				return
			}
		}
	}()
	return r
}

func (r *run) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.output.String()
}

// await waits until the demo has printed text, and notes its namespaces, of which there must be so many.
func (r *run) await(text string, namespaces int) {
	r.t.Helper()
	for end := time.Now().Add(time.Minute); !strings.Contains(r.text(), text); time.Sleep(10 * time.Millisecond) {
		select {
		case <-r.read:
			if !strings.Contains(r.text(), text) {
				r.t.Fatalf("the demo ended without printing %q:\n%s", text, r.text())
			}
		default:
		}
		if time.Now().After(end) {
			r.t.Fatalf("%q was not printed within a minute:\n%s", text, r.text())
		}
	}
	own := netns(r.t, fmt.Sprintf("/proc/%d/ns/net", os.Getpid()))
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/ns/net", r.cmd.Process.Pid))
	for _, task := range tasks {
		if n := netns(r.t, task); n == own || n == 0 || slices.ContainsFunc(r.held, func(h lab.Hold) bool { return h.Inode() == n }) {
			continue
		}
		h, err := lab.Held(task)
		if os.IsNotExist(err) {
			continue // the thread has ended
		}
		must(r.t, err)
		r.held = append(r.held, h)
	}
	if len(r.held) != namespaces {
		r.t.Fatalf("the demo is in %d namespaces of its own, want %d", len(r.held), namespaces)
	}
}

func netns(t *testing.T, path string) uint64 {
	t.Helper()
	info, err := os.Stat(path)
	if os.IsNotExist(err) {
		return 0 // the thread has ended
	}
	must(t, err)
	return info.Sys().(*syscall.Stat_t).Ino
}

// wait returns the exit code; -1 when a signal ended the demo.
func (r *run) wait() int {
	<-r.read
	r.cmd.Wait()
	return r.cmd.ProcessState.ExitCode()
}

// nothingLeft checks namespaces and processes, and how many scratch directories there are.
func (r *run) nothingLeft(directories int) {
	r.t.Helper()
	left := lab.Left(r.held)
	if r.held = nil; left != nil {
		r.t.Errorf("left behind: %v", left)
	}
	entries, err := os.ReadDir(r.tmp)
	must(r.t, err)
	if len(entries) != directories {
		r.t.Errorf("directories left: got %v, want %d", entries, directories)
	}
}

func (r *run) wentWell() {
	r.t.Helper()
	if code := r.wait(); code != 0 || !strings.Contains(r.text(), "demo: all went well") {
		r.t.Errorf("exit code %d, want 0:\n%s", code, r.text())
	}
	r.nothingLeft(0)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheDemo(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: network namespaces")
	}
	bin := build(t)
	args := []string{"demo", "--part", "switch", "--tcp", "300ms"}

	t.Run("goes well and leaves nothing behind", func(t *testing.T) {
		r := start(t, shortDir(t), bin, args...)
		r.await("3. TCP", 4)
		r.wentWell()
	})
	t.Run("cleans up after Ctrl-C", func(t *testing.T) {
		r := start(t, shortDir(t), bin, args...)
		r.await("3. TCP", 4)
		must(t, r.cmd.Process.Signal(os.Interrupt))
		if code := r.wait(); code != 1 || !strings.Contains(r.text(), "demo: broken off: interrupted") {
			t.Errorf("exit code %d, want 1:\n%s", code, r.text())
		}
		r.nothingLeft(0)
	})
	t.Run("leaves only a directory after kill -9, which the next run removes", func(t *testing.T) {
		tmp := shortDir(t)
		r := start(t, tmp, bin, args...)
		r.await("3. TCP", 4)
		must(t, r.cmd.Process.Kill())
		r.wait()
		r.nothingLeft(1)
		again := start(t, tmp, bin, args...)
		again.wentWell()
		if !strings.Contains(again.text(), "left by a demo that was killed") {
			t.Errorf("the second run does not say that it removed what the first had left:\n%s", again.text())
		}
	})
	t.Run("runs twice at once", func(t *testing.T) {
		a, b := start(t, shortDir(t), bin, args...), start(t, shortDir(t), bin, args...)
		a.await("2. Ping", 4)
		b.await("2. Ping", 4)
		a.wentWell()
		b.wentWell()
	})
	t.Run("over memory ports", func(t *testing.T) {
		r := start(t, shortDir(t), bin, "demo", "--memory", "--tcp", "300ms")
		r.wentWell()
	})
	t.Run("without root says so and runs over memory ports", func(t *testing.T) {
		if _, err := exec.LookPath("setpriv"); err != nil {
			t.Skip("needs setpriv (util-linux)")
		}
		tmp := shortDir(t)
		must(t, os.Chown(tmp, 65534, 65534))
		r := start(t, tmp, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", bin, "demo", "--tcp", "300ms")
		r.wentWell()
		for _, want := range []string{
			"missing: root: this process lacks CAP_NET_ADMIN", "AF_XDP could not be shown",
			"two hosts with an overlay between them are left out", "without the overlay (root is missing)",
		} {
			if !strings.Contains(r.text(), want) {
				t.Errorf("want %q in:\n%s", want, r.text())
			}
		}
	})
}

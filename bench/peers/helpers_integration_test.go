//go:build integration

package peers

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/daemon"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/testpmd"
	"github.com/culvertdev/culvert/control/api"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// need skips the test when something is missing, which each function has looked for.
func need(t *testing.T, missing ...func() error) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: network namespaces")
	}
	for _, m := range missing {
		if err := m(); err != nil {
			t.Skip(err)
		}
	}
}

// built is the daemon's program, which TestMain builds.
var built string

func TestMain(m *testing.M) {
	os.Exit(daemon.WithProgram(func(program string) int {
		built = program
		return m.Run()
	}))
}

// A site is where a test takes place: a lab, and a folder with a short name.
type site struct {
	*testing.T
	ctx    context.Context
	lab    *lab.Lab
	dir    string
	starts int
}

func newSite(t *testing.T, limit time.Duration) *site {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	l, err := lab.New()
	must(t, err)
	t.Cleanup(func() { must(t, l.Close()) })
	dir, err := os.MkdirTemp(filepath.Dir(built), "")
	must(t, err)
	return &site{T: t, ctx: ctx, lab: l, dir: dir}
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

// socket is the path of port i's.
func (s *site) socket(i int) string { return s.path(fmt.Sprint("vu", i)) }

// vhostPort is a line of configuration: port vui at socket i, with more options, such as "queues: 2".
func (s *site) vhostPort(i int, options ...string) string {
	return fmt.Sprintf("{name: vu%d, type: vhost-user, number: %d, options: {%s}}", i, i+1,
		strings.Join(append([]string{"path: " + s.socket(i)}, options...), ", "))
}

// start starts the daemon with a bridge, given the lines of its ports and its rules. It is stopped when the test ends, and
// has lost no frame then.
func (s *site) start(ports, rules []string) *daemon.Daemon {
	s.Helper()
	s.starts++
	config := "frames: {hugepages: never}\nworkers: {count: 1}\nbridges:\n  - name: br0\n    ports:\n"
	for _, p := range ports {
		config += "      - " + p + "\n"
	}
	config += "    flows: |\n"
	for _, r := range rules {
		config += "      " + r + "\n"
	}
	d, err := daemon.Start(s.ctx, daemon.Options{
		Namespace: s.lab.Switch, Binary: built, Dir: s.path(fmt.Sprint("daemon", s.starts)), Config: config,
		Env: []string{"GOTRACEBACK=crash"}, // one that hangs says where
	})
	must(s.T, err)
	s.Cleanup(func() { d.Kill() }) // where the test did not get so far as to stop it
	return d
}

// stop stops the daemon, which says whether it lost frames.
func (s *site) stop(d *daemon.Daemon) {
	s.Helper()
	if err := d.Stop(); err != nil {
		s.Error(err)
	}
	if s.Failed() {
		s.Logf("the end of the daemon's log:\n%s", d.LogTail(50_000))
	}
}

// port returns a port as the daemon sees it.
func (s *site) port(d *daemon.Daemon, name string) api.Port {
	s.Helper()
	tally, err := d.Tally(s.ctx)
	must(s.T, err)
	p, ok := tally.Port(name)
	if !ok {
		s.Fatalf("there is no port %s", name)
	}
	return p
}

// event returns how often something happened to packets in the switch.
func (s *site) event(d *daemon.Daemon, name string) uint64 {
	s.Helper()
	tally, err := d.Tally(s.ctx)
	must(s.T, err)
	return daemon.Value(tally.Stats.Events, name)
}

// faultless is an error when a guest of the daemon is said to have broken a rule.
func (s *site) faultless(d *daemon.Daemon) {
	s.Helper()
	tally, err := d.Tally(s.ctx)
	must(s.T, err)
	for _, p := range tally.Ports {
		for _, c := range p.Counters {
			if c.Value > 0 && (strings.HasPrefix(c.Name, "fault_") || c.Name == "rx_bad_offload") {
				s.Errorf("port %s: %s %d (%s)", p.Name, c.Name, c.Value, c.Help)
			}
		}
	}
}

// generator returns testpmd on ordinary memory, with little of it.
func (s *site) generator(o testpmd.Options) testpmd.Options {
	o.NoHuge, o.Memory, o.Spawn = true, 256, s.lab.Switch.Start
	if o.Buffers == 0 {
		o.Buffers = 16384
	}
	return o
}

// arrive waits until every port of testpmd has received n more packets. It leaves the counters as they are: cleared under
// load, they would keep a batch's packets without its bytes.
func (s *site) arrive(g *testpmd.Testpmd, n uint64) {
	s.Helper()
	before, err := g.Counters(s.ctx)
	must(s.T, err)
	for {
		now, err := g.Counters(s.ctx)
		must(s.T, err)
		least := n
		for i := range now {
			least = min(least, now[i].RxPackets-before[i].RxPackets)
		}
		if least == n {
			return
		}
		select {
		case <-s.ctx.Done():
			s.Fatalf("wait for %d packets on each port: had %+v, now %+v", n, before, now)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

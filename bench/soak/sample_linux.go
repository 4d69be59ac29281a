package soak

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/culvertdev/culvert/bench/lab"
)

// A Sample is what the daemon takes of the machine, and has done, at one moment.
type Sample struct {
	Seconds    float64 `json:"seconds"` // since the start
	RSS        uint64  `json:"rss"`     // bytes; with the arena, which all AF_XDP sockets pin
	Anonymous  uint64  `json:"anonymous"`
	Threads    int     `json:"threads"`
	FDs        int     `json:"fds"`
	Goroutines int     `json:"goroutines"`
	Heap       uint64  `json:"heap"` // bytes in use, by the Go runtime's own account
	Packets    uint64  `json:"packets"`
	Flows      int     `json:"flows"`
	Churn      int     `json:"churn"` // steps so far
}

// sample takes a sample but for what the switch counts.
func (n *network) sample(ctx context.Context, start time.Time) (s Sample, err error) {
	pid := strconv.Itoa(n.daemon.PID())
	text, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		return s, fmt.Errorf("sample: %w", err)
	}
	s.Seconds = time.Since(start).Seconds()
	s.parseStatus(text)
	fds, err := os.ReadDir("/proc/" + pid + "/fd")
	if err != nil {
		return s, fmt.Errorf("sample: %w", err)
	}
	s.FDs = len(fds)
	scrape, err := n.metrics(ctx)
	if err != nil {
		return s, fmt.Errorf("scrape metrics: %w", err)
	}
	s.parseMetrics(scrape)
	return s, nil
}

// parseStatus reads proc_pid_status(5).
func (s *Sample) parseStatus(text []byte) {
	for sc := bufio.NewScanner(bytes.NewReader(text)); sc.Scan(); {
		key, rest, _ := strings.Cut(sc.Text(), ":")
		fields := strings.Fields(rest)
		if len(fields) == 0 {
			continue
		}
		n, err := strconv.ParseUint(fields[0], 10, 64)
		if err != nil {
			continue
		}
		switch key {
		case "VmRSS":
			s.RSS = n << 10 // the file says kB and means KiB
		case "RssAnon":
			s.Anonymous = n << 10
		case "Threads":
			s.Threads = int(n)
		}
	}
}

// parseMetrics reads two gauges of the Go runtime in Prometheus's text format.
func (s *Sample) parseMetrics(text string) {
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			continue
		}
		switch name {
		case "go_goroutines":
			s.Goroutines = int(v)
		case "go_memstats_heap_inuse_bytes":
			s.Heap = uint64(v)
		}
	}
}

// showEvery is how many samples there are to a line of progress.
const showEvery = 4

// A watcher takes samples and looks after counters that go back.
type watcher struct {
	net    *network
	fails  *journal
	epochs *epochs
	steps  *atomic.Int64
	start  time.Time
	out    io.Writer

	samples []Sample
	prev    reading
}

// run samples until ctx ends.
func (w *watcher) run(ctx context.Context, every time.Duration) {
	for ; ctx.Err() == nil; pause(ctx, every) {
		s, r, err := w.take(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			w.fails.add("%v", err)
			continue
		}
		if w.prev.Ports != nil {
			for _, what := range regressions(w.prev, r) {
				w.fails.add("%s", what)
			}
		}
		w.prev = r
		if len(w.samples)%showEvery == 0 {
			fmt.Fprintln(w.out, s.line(w.fails.count()))
		}
		w.samples = append(w.samples, s)
	}
}

func (w *watcher) take(ctx context.Context) (s Sample, r reading, err error) {
	if s, err = w.net.sample(ctx, w.start); err != nil {
		return s, r, err
	}
	if r, err = w.net.read(ctx, w.epochs); err != nil {
		return s, r, err
	}
	s.Packets, s.Flows, s.Churn = r.Stats.Packets, r.Stats.Flows.Flows, int(w.steps.Load())
	return s, r, nil
}

// read reads all counters.
func (n *network) read(ctx context.Context, e *epochs) (r reading, err error) {
	r.before = e.now()
	// The end of ctx must not break the connection.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), apiTimeout)
	defer cancel()
	r.Tally, err = n.daemon.Tally(ctx)
	r.counts = make(map[string]lab.LinkCount)
	for _, h := range n.lab.Hosts {
		if p, ok := r.Port(h.Port); ok && p.Type == "afxdp" {
			// A link that is not there at the moment has counted nothing.
			r.counts[h.Port], _ = h.Count(lab.HostLink)
		}
	}
	r.after = e.now()
	return r, err
}

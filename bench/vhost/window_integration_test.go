//go:build integration

package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/daemon"
	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/testpmd"
)

// quick returns a bench with short windows, or skips the test when something is missing, which it has looked for.
func quick(t *testing.T) (*bench, context.Context) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: network namespaces")
	}
	if err := testpmd.Missing(); err != nil {
		t.Skip(err)
	}
	pages, err := machine.BorrowHugepages(hugepages)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { must(t, pages.Give()) })
	o := options{culvert: filepath.Join(t.TempDir(), "culvert"), warm: 300 * time.Millisecond, window: 300 * time.Millisecond, rate: 1000}
	b, err := newBench(o)
	must(t, err)
	t.Cleanup(func() { must(t, b.close()) })
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return b, ctx
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWindowsOfEachKind(t *testing.T) {
	b, ctx := quick(t)
	must(t, daemon.Build(b.culvert))
	c := &culvert{binary: b.culvert, hosts: b.hosts}
	for _, row := range []string{"rule on the port alone", "latency at low load"} {
		s, err := b.once(ctx, c, cell{"packed", 64, row})
		must(t, err)
		var text strings.Builder
		s.print(&text)
		t.Log(text.String())
		if s.Rate == 0 || (s.Half > 0) != (row == "latency at low load") {
			t.Errorf("%s: a rate of %v packets a second, half within %v", row, s.Rate, s.Half)
		}
	}
}

// testpmd forwards whatever the rules are: a window of it in a row with rules must not come to a figure.
func TestASwitchThatDoesNotDoAsItIsToldIsNotMeasured(t *testing.T) {
	b, ctx := quick(t)
	s, err := b.once(ctx, floor{}, cell{"split", 64, "rule on the port alone"})
	if err == nil || !strings.Contains(err.Error(), "that a rule was to drop") {
		t.Errorf("got %v packets a second, %v; want an error", s.Rate, err)
	}
}

// Each packet that is looked at must be what it should, before any is counted.
func TestWindowsOfTunnels(t *testing.T) {
	b, ctx := quick(t)
	must(t, daemon.Build(b.culvert))
	for _, row := range tunnelRows() {
		s, err := b.once(ctx, &culvert{binary: b.culvert, hosts: b.hosts, row: row}, cell{"packed", 64, row.name})
		must(t, err)
		if s.Rate == 0 || s.Offered < s.Rate {
			t.Errorf("%s: a rate of %v packets a second of %v", row.name, s.Rate, s.Offered)
		}
	}
}

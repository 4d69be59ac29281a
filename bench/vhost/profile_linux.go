package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/culvertdev/culvert/bench/contest"
	"github.com/culvertdev/culvert/pmd/cpu"
)

// profile samples the switch for d, with packets passing at the rate, and says where it spends its time. The switch's
// thread must have its CPU to itself.
func profile(ctx context.Context, p place, pid int, rate float64, d time.Duration) ([]stage, error) {
	file := filepath.Join(filepath.Dir(p.dir), "perf.data")
	record := exec.CommandContext(ctx, "perf", "record", "--quiet", "--event", "cpu-clock", "--freq", "4999", "--cpu", fmt.Sprint(contest.SwitchCPU),
		"--pid", fmt.Sprint(pid), "--output", file, "sleep", fmt.Sprint(d.Seconds()))
	if out, err := record.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("perf record: %w: %s", err, out)
	}
	report, err := exec.CommandContext(ctx, "perf", "report", "--stdio", "--no-children", "--call-graph", "none", "--fields", "overhead,sym", "--input", file).Output()
	if err != nil {
		return nil, fmt.Errorf("perf report: %w", err)
	}
	return parseStages(string(report), cpu.NewClock().Frequency()/max(rate, 1)), nil
}

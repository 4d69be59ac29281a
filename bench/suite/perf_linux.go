package suite

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/culvertdev/culvert/bench/result"
	"github.com/culvertdev/culvert/pmd/cpu"
)

// profile samples the switch for the time of a window, with packets passing at the rate, and says where it spends its time. The switch's
// thread must have its CPU to itself.
func (s *Stand) profile(ctx context.Context, rate float64) ([]result.Stage, error) {
	pid := s.Switch.PID()
	if pid == 0 {
		return nil, errors.New("a profile of a switch whose process is not known")
	}
	file := filepath.Join(filepath.Dir(s.Scene.Dir), "perf.data")
	record := exec.CommandContext(ctx, "perf", "record", "--quiet", "--event", "cpu-clock", "--freq", "4999", "--cpu", fmt.Sprint(s.Scene.CPU),
		"--pid", fmt.Sprint(pid), "--output", file, "sleep", fmt.Sprint(s.Options.Window.Seconds()))
	if out, err := record.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("perf record: %w: %s", err, out)
	}
	report, err := exec.CommandContext(ctx, "perf", "report", "--stdio", "--no-children", "--call-graph", "none", "--fields", "overhead,sym", "--input", file).Output()
	if err != nil {
		return nil, fmt.Errorf("perf report: %w", err)
	}
	return parseStages(string(report), cpu.NewClock().Frequency()/max(rate, 1)), nil
}

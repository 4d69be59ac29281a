package machine

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/culvertdev/culvert/pmd/cpu"
)

// QuietLook is for how long Quiet looks at the CPUs at least.
const QuietLook = 500 * time.Millisecond

// Quiet waits until the CPUs are left alone, for so long at most, and returns the share of them that is used,
// from 0 to 1.
func Quiet(ctx context.Context, cpus cpu.Set, patience time.Duration) (used float64, err error) {
	const enough = 0.05
	for end := time.Now().Add(patience); ; {
		if used, err = Used(cpus, QuietLook); err != nil || used < enough || ctx.Err() != nil || time.Now().After(end) {
			return used, err
		}
	}
}

// Used returns the share of the CPUs that is used during d, from 0 to 1.
func Used(cpus cpu.Set, d time.Duration) (float64, error) {
	t0, err := times(cpus)
	if err != nil {
		return 0, err
	}
	time.Sleep(d)
	t1, err := times(cpus)
	if err != nil || t1.total == t0.total {
		return 0, err
	}
	return 1 - float64(t1.idle-t0.idle)/float64(t1.total-t0.total), nil
}

// Busy returns for how long the CPUs have been used since the machine started, interrupts included, and for how long of that in soft
// interrupts, both in steps of 10 ms. Soft interrupts that a system call runs on its way are among them, and in the time of its thread, too.
func Busy(cpus cpu.Set) (used, soft time.Duration, err error) {
	t, err := times(cpus)
	return time.Duration(t.total-t.idle) * tick, time.Duration(t.soft) * tick, err
}

// tick is the unit of the kernel's times: USER_HZ is 100 on every architecture Go runs on.
const tick = 10 * time.Millisecond

// ticks are times of CPUs, in ticks.
type ticks struct {
	total uint64
	idle  uint64 // of total; waiting for disks is in it
	soft  uint64 // of total, in soft interrupts
}

// times sums the times of the CPUs, proc_stat(5).
func times(cpus cpu.Set) (t ticks, err error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return t, err
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 9 || !strings.HasPrefix(f[0], "cpu") {
			continue
		}
		if n, err := strconv.Atoi(f[0][len("cpu"):]); err != nil || !cpus.Has(n) {
			continue // the line of all, or another CPU's
		}
		for i, v := range f[1:9] { // user to steal; guest time is in user already
			n, err := strconv.ParseUint(v, 10, 64)
			if err != nil {
				return ticks{}, fmt.Errorf("/proc/stat: want numbers: %w", err)
			}
			t.total += n
			switch i {
			case 3, 4: // idle, iowait
				t.idle += n
			case 6:
				t.soft += n
			}
		}
	}
	return t, nil
}

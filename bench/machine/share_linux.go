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

// Quiet waits until the CPUs are left alone, for so long at most, and returns the share of them that is used,
// from 0 to 1.
func Quiet(ctx context.Context, cpus cpu.Set, patience time.Duration) (used float64, err error) {
	const enough = 0.05
	for end := time.Now().Add(patience); ; {
		if used, err = Used(cpus, 500*time.Millisecond); err != nil || used < enough || ctx.Err() != nil || time.Now().After(end) {
			return used, err
		}
	}
}

// Used returns the share of the CPUs that is used during d, from 0 to 1.
func Used(cpus cpu.Set, d time.Duration) (float64, error) {
	total0, idle0, err := ticks(cpus)
	if err != nil {
		return 0, err
	}
	time.Sleep(d)
	total1, idle1, err := ticks(cpus)
	if err != nil || total1 == total0 {
		return 0, err
	}
	return 1 - float64(idle1-idle0)/float64(total1-total0), nil
}

// Busy returns for how long the CPUs have been used since the machine started, interrupts included, in steps of 10 ms.
func Busy(cpus cpu.Set) (time.Duration, error) {
	total, idle, err := ticks(cpus)
	return time.Duration(total-idle) * tick, err
}

// tick is the unit of the kernel's times: USER_HZ is 100 on every architecture Go runs on.
const tick = 10 * time.Millisecond

// ticks sums the times of the CPUs, proc_stat(5).
func ticks(cpus cpu.Set) (total, idle uint64, err error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0, err
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
				return 0, 0, fmt.Errorf("/proc/stat: want numbers: %w", err)
			}
			total += n
			if i == 3 || i == 4 { // idle, iowait
				idle += n
			}
		}
	}
	return total, idle, nil
}

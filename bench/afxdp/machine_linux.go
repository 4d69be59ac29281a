package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/culvertdev/culvert/bench/contest"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/pmd/cpu"
	"github.com/klauspost/cpuid/v2"
	"golang.org/x/sys/unix"
)

// describeMachine says in one line what figures are to be read with.
func describeMachine() string {
	kernel := "unknown kernel"
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		kernel = "Linux " + unix.ByteSliceToString(u.Release[:])
	}
	virtual := ""
	if cpuid.CPU.Supports(cpuid.HYPERVISOR) {
		virtual = ", in a virtual machine"
	}
	return fmt.Sprintf("%s, %d CPUs%s, %s, %s", cpuid.CPU.BrandName, runtime.NumCPU(), virtual, kernel, runtime.Version())
}

// roundTrip returns how long a cache line takes from one CPU to another and back, in ns: the best of
// several tries. On virtual machines it changes while they run, and packet rates with it.
func roundTrip(a, b int) int {
	const tries, turns = 10, 2000
	var line struct {
		_    [64]byte
		turn atomic.Uint32
		_    [60]byte
	}
	pin := func(c int) {
		runtime.LockOSThread() // never unlocked: the thread keeps its CPU, so it ends with the goroutine
		_ = cpu.Pin(c)         // elsewhere the figure is another, which the report shows
	}
	best := make(chan int)
	go func() {
		pin(b)
		for i := uint32(1); i < 2*tries*turns; i += 2 {
			for line.turn.Load() != i {
			}
			line.turn.Store(i + 1)
		}
	}()
	go func() {
		pin(a)
		least := time.Duration(1<<63 - 1)
		for try := range uint32(tries) {
			start := time.Now()
			for i := range uint32(turns) {
				n := 2 * (try*turns + i)
				line.turn.Store(n + 1)
				for line.turn.Load() != n+2 {
				}
			}
			least = min(least, time.Since(start))
		}
		best <- int(least.Nanoseconds() / turns)
	}()
	return <-best
}

// quiet waits until others leave the two CPUs alone, for so long at most, and returns the share of them
// that others use.
func quiet(ctx context.Context, patience time.Duration) (others float64, err error) {
	const enough = 0.05
	for end := time.Now().Add(patience); ; {
		if others, err = busy(500 * time.Millisecond); err != nil || others < enough || ctx.Err() != nil || time.Now().After(end) {
			return others, err
		}
	}
}

// busy returns the share of the two CPUs that is used during d, from 0 to 1.
func busy(d time.Duration) (float64, error) {
	total0, idle0, err := cpuTicks()
	if err != nil {
		return 0, err
	}
	time.Sleep(d)
	total1, idle1, err := cpuTicks()
	if err != nil || total1 == total0 {
		return 0, err
	}
	return 1 - float64(idle1-idle0)/float64(total1-total0), nil
}

// cpuTicks sums the times of the two CPUs, proc_stat(5).
func cpuTicks() (total, idle uint64, err error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 9 || f[0] != fmt.Sprintf("cpu%d", contest.HostCPU) && f[0] != fmt.Sprintf("cpu%d", contest.SwitchCPU) {
			continue
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

// outputIn runs a command in a namespace and returns its standard output.
func outputIn(n *lab.Namespace, cmd *exec.Cmd) ([]byte, error) {
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := n.Start(cmd); err != nil {
		return nil, err
	}
	err := cmd.Wait()
	return out.Bytes(), err
}

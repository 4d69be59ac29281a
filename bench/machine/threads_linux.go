package machine

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A Spent is what became of a thread's time.
type Spent struct {
	User, System time.Duration // in steps of 10 ms
	Ran          time.Duration // both, in steps of a timer tick, 1 to 10 ms; 0 where the kernel does not say
	Waited       time.Duration // it was ready to run and had no CPU; likewise
}

// Threads returns what every thread of a process has spent: proc_pid_stat(5), fields 14 and 15. Compare two looks
// by Busiest.
func Threads(pid int) (map[string]Spent, error) {
	paths, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(paths) == 0 {
		return nil, fmt.Errorf("process %d has no threads", pid)
	}
	times := make(map[string]Spent)
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			continue // the thread has ended
		}
		// Field 2, the name, is in brackets and may contain anything.
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if len(fields) < 13 {
			return nil, fmt.Errorf("%s: want at least 15 fields", p)
		}
		user, errU := strconv.ParseUint(fields[11], 10, 32)
		system, errS := strconv.ParseUint(fields[12], 10, 32)
		if errU != nil || errS != nil {
			return nil, fmt.Errorf("%s: want numbers in fields 14 and 15", p)
		}
		ran, waited := scheduled(p)
		times[p] = Spent{time.Duration(user) * tick, time.Duration(system) * tick, ran, waited}
	}
	return times, nil
}

// scheduled reads how long the thread of that stat file ran and stood in a run queue: the first two numbers of its
// schedstat (linux Documentation/scheduler/sched-stats.rst).
func scheduled(stat string) (ran, waited time.Duration) {
	text, err := os.ReadFile(filepath.Join(filepath.Dir(stat), "schedstat"))
	if f := strings.Fields(string(text)); err == nil && len(f) == 3 {
		on, _ := strconv.ParseInt(f[0], 10, 64)
		off, _ := strconv.ParseInt(f[1], 10, 64)
		return time.Duration(on), time.Duration(off)
	}
	return 0, 0
}

// Used is how long the thread had a CPU, by the better of two counts.
func (s Spent) Used() time.Duration {
	if s.Ran > 0 {
		return s.Ran
	}
	return s.User + s.System
}

// Busiest returns what the thread that spent most between two looks has spent.
func Busiest(before, after map[string]Spent) (most Spent) {
	for p, a := range after {
		b := before[p]
		d := Spent{a.User - b.User, a.System - b.System, a.Ran - b.Ran, a.Waited - b.Waited}
		if d.Used() > most.Used() {
			most = d
		}
	}
	return most
}

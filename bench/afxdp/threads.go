package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A spent is what became of a thread's time.
type spent struct {
	user, system uint64 // ticks of USER_HZ: 10 ms
	waited       uint64 // ns it was ready to run and had no CPU
}

func (s spent) sum() uint64 { return s.user + s.system }

// threadTimes returns the CPU time of every thread of a process: proc_pid_stat(5), fields 14 and 15.
func threadTimes(pid int) (map[string]spent, error) {
	paths, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(paths) == 0 {
		return nil, fmt.Errorf("process %d has no threads", pid)
	}
	times := make(map[string]spent)
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
		user, errU := strconv.ParseUint(fields[11], 10, 64)
		system, errS := strconv.ParseUint(fields[12], 10, 64)
		if errU != nil || errS != nil {
			return nil, fmt.Errorf("%s: want numbers in fields 14 and 15", p)
		}
		times[p] = spent{user, system, waited(p)}
	}
	return times, nil
}

// waited reads how long the thread of that stat file stood in a run queue: the second number of its
// schedstat (linux Documentation/scheduler/sched-stats.rst); 0 where the kernel does not say.
func waited(stat string) (ns uint64) {
	text, err := os.ReadFile(filepath.Join(filepath.Dir(stat), "schedstat"))
	if f := strings.Fields(string(text)); err == nil && len(f) == 3 {
		ns, _ = strconv.ParseUint(f[1], 10, 64)
	}
	return ns
}

// busiest returns what the thread that spent most between two looks has spent.
func busiest(before, after map[string]spent) (most spent) {
	for p, a := range after {
		b := before[p]
		d := spent{a.user - b.user, a.system - b.system, a.waited - b.waited}
		if d.sum() > most.sum() {
			most = d
		}
	}
	return most
}

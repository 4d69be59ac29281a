package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A spent is CPU time, in ticks of USER_HZ: 10 ms.
type spent struct{ user, system uint64 }

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
		times[p] = spent{user, system}
	}
	return times, nil
}

// busiest returns what the thread that spent most between two looks has spent.
func busiest(before, after map[string]spent) (most spent) {
	for p, a := range after {
		b := before[p]
		d := spent{a.user - b.user, a.system - b.system}
		if d.sum() > most.sum() {
			most = d
		}
	}
	return most
}

package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/culvertdev/culvert/datapath/rules/openflow"
)

// samples are times of the same thing. None: it could not be measured.
type samples []time.Duration

// time adds how long do takes.
func (s *samples) time(do func() error) error {
	runtime.GC() // what was before is nobody's cost
	start := time.Now()
	if err := do(); err != nil {
		return err
	}
	*s = append(*s, time.Since(start))
	return nil
}

func (s samples) median() time.Duration {
	list := slices.Sorted(slices.Values(s))
	return list[len(list)/2]
}

func (s samples) String() string {
	if len(s) == 0 {
		return "-"
	}
	return s.median().Round(time.Millisecond).String()
}

// ratio says how many times as long a takes as b.
func ratio(a, b samples) string {
	if len(a) == 0 || len(b) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", float64(a.median())/float64(b.median()))
}

// fill reads rules and puts them into an empty table.
func fill(text string) error {
	t, err := openflow.New(openflow.Options{})
	if err != nil {
		return err
	}
	flows, err := openflow.ParseFlows(strings.NewReader(text), "rules")
	if err != nil {
		return err
	}
	return t.AddFlows(flows)
}

// busy says how busy the machine is: figures of a busy machine are worth their ratios only.
func busy() string {
	text, err := os.ReadFile("/proc/loadavg")
	load, _, _ := strings.Cut(string(text), " ")
	if err != nil {
		load = "unknown"
	}
	return fmt.Sprintf("%d CPUs, load average %s", runtime.NumCPU(), load)
}

package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/culvertdev/culvert/control/api"
)

// A stage is a part of a switch's program, and what a packet costs there.
type stage struct {
	Name   string  `json:"name"`
	Share  float64 `json:"share"`             // of the switch's samples, from 0 to 1
	Cycles float64 `json:"cycles_per_packet"` // of the CPU's time-stamp counter
}

// overhead is a line of perf report: share in percent, user or kernel, function.
var overhead = regexp.MustCompile(`^\s*([0-9.]+)%\s+\[([.k])\] (\S.*?)\s*$`)

// small is the share below which stages are not listed one by one.
const small = 0.02

// parseStages reads the report of a profile while packets cost so many cycles each. Functions of one Go type are one
// stage, as are all of the kernel's.
func parseStages(report string, cycles float64) []stage {
	shares := make(map[string]float64)
	for line := range strings.Lines(report) {
		m := overhead.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		percent, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			continue // the expression lets "1.2.3" through; perf does not print it
		}
		name := "the kernel"
		if m[2] == "." {
			name = stageOf(m[3])
		}
		shares[name] += percent / 100
	}
	rest := 0.0
	maps.DeleteFunc(shares, func(_ string, share float64) bool {
		if share < small {
			rest += share
		}
		return share < small
	})
	shares["all others"] = rest
	var list []stage
	for name, share := range shares {
		list = append(list, stage{name, share, share * cycles})
	}
	slices.SortFunc(list, func(a, b stage) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), cmp.Compare(a.Name, b.Name))
	})
	return list
}

// stagesBetween returns where Culvert's workers, as they were before and are now, say that cycles have gone.
func stagesBetween(before, now []api.Worker) []stage {
	var list []stage
	var packets, sum uint64
	for i, w := range now {
		packets += w.Stages.Packets - before[i].Stages.Packets
		for k, c := range w.Stages.Cycles {
			if i == 0 {
				list = append(list, stage{Name: c.Name})
			}
			spent := c.Value - before[i].Stages.Cycles[k].Value
			list[k].Cycles += float64(spent)
			sum += spent
		}
	}
	for i := range list {
		list[i].Share = list[i].Cycles / float64(max(sum, 1))
		list[i].Cycles /= float64(max(packets, 1))
	}
	return slices.DeleteFunc(list, func(s stage) bool { return s.Cycles < 0.5 })
}

// stageOf returns what a function belongs to: a Go method to its type, any other function to itself.
func stageOf(symbol string) string {
	symbol = strings.TrimPrefix(symbol, "github.com/culvertdev/culvert/")
	if strings.HasPrefix(symbol, "0x") {
		return "functions without a name"
	}
	if at := strings.Index(symbol, ")."); at >= 0 && strings.Contains(symbol, ".(*") {
		return symbol[:at+1]
	}
	return symbol
}

func printStages(w io.Writer, list []stage) {
	for _, s := range list {
		fmt.Fprintf(w, "    %5.1f %%  %6.1f cycles  %s\n", 100*s.Share, s.Cycles, s.Name)
	}
}

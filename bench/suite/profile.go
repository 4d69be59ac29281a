package suite

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/culvertdev/culvert/bench/result"
)

// overhead is a line of perf report: share in percent, user or kernel, function.
var overhead = regexp.MustCompile(`^\s*([0-9.]+)%\s+\[([.k])\] (\S.*?)\s*$`)

// small is the share below which stages are not listed one by one.
const small = 0.02

// parseStages reads the report of a profile while packets cost so many cycles each. Functions of one Go type are one
// stage, as are all of the kernel's.
func parseStages(report string, cycles float64) []result.Stage {
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
	var list []result.Stage
	for name, share := range shares {
		list = append(list, result.Stage{Name: name, Cycles: share * cycles})
	}
	slices.SortFunc(list, func(a, b result.Stage) int {
		return cmp.Or(cmp.Compare(b.Cycles, a.Cycles), cmp.Compare(a.Name, b.Name))
	})
	return list
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

package machine

import (
	"fmt"
	"slices"
)

// Mixed is the class of a window during which the CPUs moved from one place to another. Not even two of these are to be compared.
const Mixed = "mixed"

// What tells one state of the machine from another. Probes of one state scatter, by a third and more to either side: no border
// between two figures holds where the machine likes to be close to it. What does hold is that nothing is ever seen in between.
const (
	gap    = 1.5 // between neighbouring probes of two states, at least
	spread = 3   // from the least to the greatest probe of one state, at most
	shift  = 2   // from the one probe of a window to the other, at most, or the machine moved
)

// Classes returns the class of each of some windows, from their probes: the [Distance] before and after each, in ns. Windows of
// different classes are not to be compared: packet rates halve or double from one to another. All windows that may be compared
// are to be classed together.
//
// States of the machine are found in the probes themselves: sorted, they fall apart where two neighbours are further from each
// other than probes of one state are. A window both of whose probes are of one state is of that class; any other one is [Mixed]. One
// without two probes has none, "".
func Classes(probes [][]float64) []string {
	var all []float64
	for _, p := range probes {
		if len(p) == 2 {
			all = append(all, max(1, p[0]), max(1, p[1]))
		}
	}
	slices.Sort(all)
	found := states(all)
	names := nameAll(found)
	classes := make([]string, len(probes))
	for i, p := range probes {
		if len(p) == 2 {
			classes[i] = class(max(1, min(p[0], p[1])), max(p[0], p[1], 1), found, names)
		}
	}
	return classes
}

// states cuts sorted probes where they fall apart.
func states(sorted []float64) (list [][]float64) {
	from := 0
	for i := 1; i <= len(sorted); i++ {
		if i == len(sorted) || sorted[i] > gap*sorted[i-1] {
			list = append(list, narrow(sorted[from:i])...)
			from = i
		}
	}
	return list
}

// narrow cuts probes that are spread too far for one state, where they come nearest to falling apart.
func narrow(sorted []float64) [][]float64 {
	last := len(sorted) - 1
	if sorted[last] <= spread*sorted[0] {
		return [][]float64{sorted}
	}
	at := 1
	for i := range sorted[1:] {
		if sorted[i+1]/sorted[i] > sorted[at]/sorted[at-1] {
			at = i + 1
		}
	}
	return append(narrow(sorted[:at]), narrow(sorted[at:])...)
}

// nameAll names states by where their middle probe is; those of one place get it in ns as well.
func nameAll(states [][]float64) []string {
	names := make([]string, len(states))
	count := make(map[string]int)
	for i, s := range states {
		names[i] = place(s[len(s)/2])
		count[names[i]]++
	}
	for i, s := range states {
		if count[names[i]] > 1 {
			names[i] = fmt.Sprintf("%s, %.0f ns", names[i], s[len(s)/2])
		}
	}
	return names
}

// place says where CPUs are that a cache line takes so long between: on the virtual machines seen 50 to 120 ns, 140 to 310 or 350
// to 600. It gives a class its name and decides nothing else.
func place(ns float64) string {
	switch {
	case ns < 130:
		return "near"
	case ns < 330:
		return "middle"
	}
	return "far"
}

// class returns that of a window whose probes were least and most.
func class(least, most float64, states [][]float64, names []string) string {
	for i, s := range states {
		if least >= s[0] && most <= s[len(s)-1] && most <= shift*least {
			return names[i]
		}
	}
	return Mixed
}

// Class returns the class of a window whose probes these are as far as that can be told before others are known.
func Class(before, after Distance) string {
	return Classes([][]float64{{float64(before), float64(after)}})[0]
}

package result

import "github.com/culvertdev/culvert/bench/machine"

// Mixed is the class of windows during which the machine changed from one class to another: not even these are to be compared
// with each other.
const Mixed = machine.Mixed

// Classify gives every window that says how far the CPUs were from each other the class that follows from all of them, see
// [machine.Classes]: runs that are to be compared are classed together. Windows that do not say it keep the class they have.
func Classify(runs ...*Run) {
	var windows []*Window
	var probes [][]float64
	for _, r := range runs {
		for i := range r.Rows {
			for k := range r.Rows[i].Windows {
				if w := &r.Rows[i].Windows[k]; len(w.Distance) == 2 {
					windows, probes = append(windows, w), append(probes, w.Distance)
				}
			}
		}
	}
	for i, class := range machine.Classes(probes) {
		windows[i].Class = class
	}
}

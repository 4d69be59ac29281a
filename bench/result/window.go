package result

import "slices"

// A Window is what was seen of one contender in one stretch of time.
type Window struct {
	Contender string             `json:"contender"`
	Part      int                `json:"part,omitempty"`              // of the run, from 1; 0: not known
	Round     int                `json:"round"`                       // from 1
	Turn      int                `json:"turn"`                        // within the round, from 0
	Beside    bool               `json:"beside_others,omitempty"`     // in turns: with its others of the round it is of one switch that ran all the time, stopped in between
	Class     string             `json:"class,omitempty"`             // of the machine's state meanwhile; windows of two classes are not to be compared; see Classify
	LeftOut   string             `json:"left_out,omitempty"`          // why it counts for nothing; empty if it counts
	Disturbed string             `json:"disturbed,omitempty"`         // by what, where others took from the machine; empty if nothing did
	Limited   bool               `json:"generator_limited,omitempty"` // the generator was the limit: rates are not the switch's
	Exact     []string           `json:"exact,omitempty"`             // figures of which the generator was not the limit all the same
	Distance  []float64          `json:"cache_line_ns,omitempty"`     // a cache line's round trip between the CPUs, before and after
	Others    []float64          `json:"used_by_others,omitempty"`    // share of the CPUs, before and after
	Waited    float64            `json:"waited_for_cpu,omitempty"`    // share of the time for which the switch's thread was ready and had no CPU
	OwnWait   float64            `json:"waited_for_row,omitempty"`    // of that, what is no disturbance: while the kernel handled the row's own packets there
	Memory    int64              `json:"memory_bytes,omitempty"`      // that the switch's process had at its end, and no other process
	Figures   map[string]float64 `json:"figures,omitempty"`           // by the measure's name, in its unit
	Latency   []Percentile       `json:"latency,omitempty"`           // rising
	Stages    []Stage            `json:"stages,omitempty"`            // where a packet's cycles go, in the order of the way it takes
	Load      []LoadStep         `json:"loss_against_load,omitempty"` // rising
	Took      float64            `json:"took_s,omitempty"`            // seconds, with all that is started and stopped for it and the tries before
	Note      string             `json:"note,omitempty"`              // such as what the switch says of its look-ups
}

// A Percentile of a latency.
type Percentile struct {
	Percent float64 `json:"percent"` // of the packets, above 0 to 100
	Ns      float64 `json:"ns"`      // took no longer
}

// A Stage is a part of the switch's way with a packet.
type Stage struct {
	Name   string  `json:"name"`
	Cycles float64 `json:"cycles_per_packet"`
}

// A LoadStep is one step of a measurement with rising load.
type LoadStep struct {
	Offered  float64 `json:"offered"`  // packets/s
	Received float64 `json:"received"` // packets/s
}

// Lost is the share of the packets that did not arrive, from 0 to 1.
func (l LoadStep) Lost() float64 {
	if l.Offered <= 0 {
		return 0
	}
	return max(0, 1-l.Received/l.Offered)
}

// Value returns the figure of a measure, if the window has it.
func (w *Window) Value(m Measure) (v float64, ok bool) {
	if m.Percentile == 0 {
		v, ok = w.Figures[m.Name]
		return v, ok
	}
	for _, p := range w.Latency {
		if p.Percent == m.Percentile {
			return p.Ns, true
		}
	}
	return 0, false
}

// Figures are what windows of one contender and one class say of one measure.
type Figures struct {
	Values    []float64 // in order of the windows
	Disturbed bool      // there was no window that others left alone, hence those that they did not
	Limited   int       // how many of them the generator limited, where it bounds the measure
	Doubtful  int       // how many of them the generator limited, where it is not known what that does to the measure
}

// Figures selects: windows that count, of the class, those that nobody disturbed if there are any.
func (r *Row) Figures(contender, class string, m Measure) (f Figures) {
	// Beside a measure that the generator bounds it is that one which is meant, and others, such as cycles of a packet, are the switch's all the same.
	doubtful := !slices.ContainsFunc(r.Measures, func(m Measure) bool { return m.Bounded })
	for _, w := range r.Counted(contender, class, func(w *Window) bool { _, ok := w.Value(m); return ok }) {
		v, _ := w.Value(m)
		f.Values, f.Disturbed = append(f.Values, v), w.Disturbed != ""
		switch limited := w.Limited && !slices.Contains(w.Exact, m.Name); {
		case limited && m.Bounded:
			f.Limited++
		case limited && m.Better != Neither && doubtful:
			f.Doubtful++
		}
	}
	return f
}

// Counted returns the windows of a contender and class that count and have what is looked for: those that nobody disturbed if there are any.
func (r *Row) Counted(contender, class string, has func(*Window) bool) (list []*Window) {
	for _, calm := range []bool{true, false} {
		for i := range r.Windows {
			if w := &r.Windows[i]; w.Contender == contender && w.counts(class, calm) && has(w) {
				list = append(list, w)
			}
		}
		if len(list) > 0 {
			break
		}
	}
	return list
}

// Classes returns the classes of the windows that count, in order of appearance.
func (r *Row) Classes() (list []string) {
	seen := make(map[string]bool)
	for _, w := range r.Windows {
		if w.LeftOut == "" && !seen[w.Class] {
			seen[w.Class] = true
			list = append(list, w.Class)
		}
	}
	return list
}

package rows

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/culvertdev/culvert/bench/gen/sink"
	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/method"
	"github.com/culvertdev/culvert/bench/result"
)

// A Record is a measurement as a run of the bench keeps it: what is measured, in words, by which figures, and one window of
// them, whose contender and turn are the caller's.
type Record struct {
	Task     string
	Measures []result.Measure
	Window   result.Window
}

// record returns one without latencies. figures are those of the measures, in order; what is below 0 was not found.
func (s Seen) record(task string, measures []result.Measure, figures ...float64) Record {
	w := result.Window{Class: s.Class, Distance: s.Probes, Limited: len(s.Limits) > 0, Note: note(s.Limits), Figures: make(map[string]float64)}
	for i, v := range figures {
		if v >= 0 {
			w.Figures[measures[i].Name] = v
		}
	}
	return Record{task, measures, w}
}

// note is what a window says of limits: the first of them.
func note(limits []string) string {
	if len(limits) == 0 {
		return ""
	}
	return strings.TrimSpace(limits[0])
}

// exact says of which figures the generator was not the limit, where it was of others.
func (r *Record) exact(names ...string) {
	if r.Window.Limited {
		r.Window.Exact = append(r.Window.Exact, names...)
	}
}

// latency adds the percentiles of a latency, if there is one.
func (r *Record) latency(l *sink.Latency) {
	if l == nil {
		return
	}
	r.Window.Latency = []result.Percentile{
		{Percent: 50, Ns: float64(l.P50)}, {Percent: 90, Ns: float64(l.P90)}, {Percent: 99, Ns: float64(l.P99)},
		{Percent: 99.9, Ns: float64(l.P999)}, {Percent: 99.99, Ns: float64(l.P9999)}, {Percent: 100, Ns: float64(l.Max)},
	}
}

// Within are the measures that are percentiles of the latency.
func Within(percent ...float64) (list []result.Measure) {
	for _, p := range percent {
		name := fmt.Sprintf("%v %% within", p)
		if p == 50 {
			name = "half within"
		}
		list = append(list, result.Measure{Name: name, Unit: "ns", Better: result.Less, Percentile: p})
	}
	return list
}

// more and less are measures of figures; those of more are bounded by what a generator can do.
func more(name, unit string) result.Measure {
	return result.Measure{Name: name, Unit: unit, Better: result.More, Bounded: true}
}

func less(name, unit string) result.Measure {
	return result.Measure{Name: name, Unit: unit, Better: result.Less}
}

func neither(name, unit string) result.Measure {
	return result.Measure{Name: name, Unit: unit, Better: result.Neither}
}

// Record returns what a run keeps of first packets.
func (f First) Record() Record {
	measures := append(Within(50, 99), less("second packets, half within", "ns"), less("lost", "packets"))
	again := -1.0
	if f.Again != nil {
		again = float64(f.Again.P50)
	}
	r := f.record("first packets of flows", measures, -1, -1, again, float64(f.LostFirst))
	r.latency(f.First)
	return r
}

// Record returns what a run keeps of a burst.
func (b Burst) Record() Record {
	s := b.Seen
	if b.Limited > 0 || b.Failed == 0 { // it took all there was to try
		s.Limits = append([]string{"no longer burst could be tried"}, s.Limits...)
	}
	return s.record("back to back", []result.Measure{more("longest burst", "frames"), neither("offered", "packets/s")}, float64(b.Passed), b.Rate)
}

// Record returns what a run keeps of a recovery. It has no figure of a switch that was not overloaded.
func (v Recovery) Record() Record {
	after := float64(v.After)
	if !v.Overloaded {
		after = -1
	}
	return v.record("recovery after overload",
		[]result.Measure{less("recovered after", "ns"), less("lost after the overload", "packets"), neither("overload", "packets/s")},
		after, float64(v.LostAfter), v.Overload)
}

// Record returns what a run keeps of a disturbance, which is called so.
func (v Disturbed) Record(task string) Record {
	measures := append([]result.Measure{
		less("blocked", "ns"), less("longest silence", "ns"), less("lost", "packets"), less("lost undisturbed", "packets"), neither("offered", "packets/s"),
	}, Within(50, 99.99)...)
	r := v.record(task, measures, float64(v.Blocked), float64(v.Silence), float64(v.Lost), float64(v.Calm), v.Rate)
	r.latency(v.Latency)
	return r
}

// Record returns what a run keeps of an interval of a soak.
func (i Interval) Record() Record {
	measures := append([]result.Measure{less("lost", "share"), less("longest silence", "ns")}, Within(50, 99.99)...)
	r := i.record("soak", measures, float64(i.Lost)/float64(max(i.Offered, 1)), float64(i.Silence))
	r.latency(i.Latency)
	return r
}

// RecordCapacity returns what a run keeps of the number of addresses that a switch knows at a time.
func RecordCapacity(c method.Counted, made []Learned) Record {
	s := seenAll(made)
	if c.Limited > 0 || c.Failed == 0 {
		s.Limits = []string{"more addresses could not be tried"}
	}
	return s.record("address learning, capacity", []result.Measure{more("addresses", "addresses")}, float64(c.Passed))
}

// RecordLearnRate returns what a run keeps of the rate at which a switch learns.
func RecordLearnRate(f method.Found, made []Learned) Record {
	s := seenAll(made)
	if f.Passed != nil && len(f.Passed.Probes) == 2 { // the answer is of one class, whatever others were of
		s.Class, s.Probes = f.Passed.Class, f.Passed.Probes
	}
	if f.AtLeast() {
		s.Limits = []string{cmp.Or(unfinished(f, "addresses/s"), "addresses could not be shown any faster")}
	}
	rate := f.Rate()
	if f.Unknown() {
		rate = -1
	}
	return s.record("address learning, rate", []result.Measure{more("addresses learned", "addresses/s")}, rate)
}

// seenAll returns the state of the machine in all trials together.
func seenAll(made []Learned) (s Seen) {
	var all []float64
	for _, l := range made {
		all = append(all, l.Probes...)
	}
	s.of(all)
	return s
}

// of takes over the least and the most of several probes.
func (s *Seen) of(probes []float64) {
	if len(probes) > 0 {
		s.Probes = []float64{slices.Min(probes), slices.Max(probes)}
		s.Class = machine.Classes([][]float64{s.Probes})[0]
	}
}

// unfinished says what is known of a rate that was not found to the precision; nothing if it was.
func unfinished(f method.Found, unit string) string {
	if !f.Open {
		return ""
	}
	said := "the trials were at an end, the machine changed too often"
	for i, of := range append([]method.Found{f}, f.Others...) {
		known := of.Passed
		if known == nil {
			known = of.Failed
		}
		switch {
		case known == nil || i > 0 && known.Class == "":
			continue
		case known.Class != "":
			said += ", CPUs " + known.Class
		}
		if of.Passed != nil {
			said += fmt.Sprintf(": %.0f %s passed", of.Rate(), unit)
		}
		if of.Failed != nil {
			said += fmt.Sprintf(": %.0f %s did not", of.Failed.OfferedRate(), unit)
		}
	}
	return said
}

// lossName names the figure of a goal.
func lossName(f method.Found) string {
	if f.Loss > 0 {
		return fmt.Sprintf("loss of %.4g %% at most", 100*f.Loss)
	}
	return "no loss"
}

// RecordFound returns what a run keeps of a search, whose rates are in a unit such as packets/s. A rate that may lose some has its conditional throughput with it; without
// loss that is the rate itself.
func RecordFound(task, unit string, found []method.Found) Record {
	var s Seen
	var measures []result.Measure
	var figures []float64
	var exact []string
	for _, f := range found {
		names := []string{lossName(f)}
		rate, through := f.Rate(), f.Conditional
		if f.Unknown() {
			rate, through = -1, -1
		}
		measures, figures = append(measures, more(names[0], unit)), append(figures, rate)
		if f.Loss > 0 {
			names = append(names, names[0]+", conditional throughput")
			measures, figures = append(measures, more(names[1], unit)), append(figures, through)
		}
		if f.Passed != nil && s.Probes == nil {
			s.Class, s.Probes = f.Passed.Class, f.Passed.Probes
		}
		switch {
		case !f.AtLeast():
			exact = append(exact, names...)
		case f.Open:
			s.Limits = []string{unfinished(f, unit)}
		case f.Limited != nil:
			s.Limits = []string{"no higher rate could be tried: " + note(f.Limited.Limits)}
		case f.Passed != nil && f.Passed.Limited():
			s.Limits = []string{"no higher rate could be tried: " + note(f.Passed.Limits)}
		default:
			s.Limits = []string{"no higher rate could be tried"}
		}
	}
	r := s.record(task, measures, figures...)
	r.exact(exact...)
	for _, f := range found {
		if f.Passed != nil && f.Passed.Again > 0 {
			r.remark("%s: %d parts made again, others had the switch's CPU", lossName(f), f.Passed.Again)
		}
		if f.Exceeded > 0 {
			r.remark("%s: more was lost in %d of %d trials at the rate", lossName(f), f.Exceeded, f.Trials)
		}
	}
	return r
}

// remark adds to what is said of the window.
func (r *Record) remark(format string, args ...any) {
	r.Window.Note = strings.TrimPrefix(r.Window.Note+"; "+fmt.Sprintf(format, args...), "; ")
}

// RecordLoads returns what a run keeps of trials at rising loads: loss against load.
func RecordLoads(made []method.Tried) Record {
	var s Seen
	var steps []result.LoadStep
	most := -1.0 // unknown
	var probes []float64
	for _, t := range made {
		probes = append(probes, t.Probes...)
		if t.Limited() && !t.Pace { // its loss is perhaps not the switch's
			s.Limits = t.Limits
			continue
		}
		offered := t.OfferedRate()
		received := offered * (1 - t.Loss())
		steps, most = append(steps, result.LoadStep{Offered: offered, Received: received}), max(most, received)
	}
	// A generator that is held up may offer more when it is asked for less.
	slices.SortFunc(steps, func(a, b result.LoadStep) int { return cmp.Compare(a.Offered, b.Offered) })
	s.of(probes)
	r := s.record("loss against load", []result.Measure{more("most that arrived", "packets/s")}, most)
	r.Window.Load = steps
	return r
}

// RecordLatency returns what a run keeps of a trial at a share of a throughput. It has no latency when the generator was the limit: a part of that
// is the generator's.
func RecordLatency(share float64, t method.Tried) Record {
	s := Seen{Class: t.Class, Probes: t.Probes, Limits: t.Limits}
	measures := append(Within(50, 99, 99.99), less("lost", "share"), neither("offered", "packets/s"))
	r := s.record(fmt.Sprintf("latency at %.0f %% of the rate without loss", 100*share), measures, -1, -1, -1, t.Loss(), t.Rate)
	if t.P50 == 0 || t.Limited() { // nothing arrived, or nothing is known
		return r
	}
	r.Window.Latency = []result.Percentile{{Percent: 50, Ns: float64(t.P50)}, {Percent: 99, Ns: float64(t.P99)}, {Percent: 99.9, Ns: float64(t.P999)}, {Percent: 99.99, Ns: float64(t.P9999)}}
	return r
}

// Record returns what a run keeps of a soak as one window.
func (s Soak) Record() Record {
	measures := append([]result.Measure{
		less("lost", "share"), less("intervals with loss", "share"), less("longest silence", "ns"), neither("offered", "packets/s"),
	}, Within(50, 99, 99.99)...)
	var seen Seen
	var probes []float64
	silence := time.Duration(0)
	for _, i := range s.Intervals {
		probes, silence = append(probes, i.Probes...), max(silence, i.Silence)
		seen.Limits = append(seen.Limits, i.Limits...)
	}
	seen.of(probes)
	r := seen.record("soak", measures, float64(s.Lost)/float64(max(s.Offered, 1)), float64(s.Lossy)/float64(max(len(s.Intervals), 1)), float64(silence), s.Rate)
	r.latency(s.Latency)
	return r
}

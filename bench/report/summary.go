// Package report shows runs of the bench to people: as a table in a terminal, with progress while one is under way, and as
// one HTML file that needs nothing else.
//
// What it shows has passed [result.Run.Check]; texts of the file are escaped again where they are written.
//
// Thread-safety: a Progress belongs to any number of goroutines; everything else has no state.
package report

import (
	"fmt"
	"math"
	"slices"

	"github.com/culvertdev/culvert/bench/result"
	"github.com/culvertdev/culvert/bench/stat"
)

// confidence is what intervals have where there are figures enough.
const confidence = 0.95

// A Summary is what the windows of one class say of one measure of a row.
type Summary struct {
	Row     *result.Row    `json:"-"`
	Name    string         `json:"row"`
	Label   string         `json:"-"` // the row, with the class where that is not the usual one
	Class   string         `json:"class,omitempty"`
	Measure result.Measure `json:"measure"`
	Entries []Entry        `json:"contenders"` // those of the row that have figures, in its order
}

// An Entry is what one contender has of that.
type Entry struct {
	Contender result.Contender `json:"contender"`
	Windows   int              `json:"windows"`
	Starts    int              `json:"starts"`                      // of the switch: windows in turns of one round are of one, and alike beyond chance
	Limited   bool             `json:"generator_limited,omitempty"` // in some windows: it could do better than this
	Doubtful  bool             `json:"generator_perhaps,omitempty"` // in some windows the generator was the limit, and the figure is perhaps its own
	Disturbed bool             `json:"disturbed,omitempty"`         // in all windows
	Number    int              `json:"-"`                           // its colour and mark in all plots of the run
	Values    []float64        `json:"figures"`
	Median    float64          `json:"median"`
	Where     stat.Interval    `json:"median_between"`          // by starts where there are several
	Ratio     float64          `json:"ratio,omitempty"`         // of the first one's figures to this one's: in turns the median of those of neighbours, else that of medians; 0 where there is none
	Between   *stat.Interval   `json:"ratio_between,omitempty"` // where it lies, of windows in turns: by rounds where there are several
	Certain   bool             `json:"different,omitempty"`     // from the first one, beyond the noise
}

// Summaries returns what a run says, row by row, in each class, of each measure: what has no figures is left out.
func Summaries(run *result.Run) (list []Summary) {
	usual, numbers := usualClass(run), numbersOf(run)
	for i := range run.Rows {
		row := &run.Rows[i]
		for _, class := range row.Classes() {
			for _, m := range row.Measures {
				s := summarize(row, class, m)
				for k := range s.Entries {
					s.Entries[k].Number = numbers[s.Entries[k].Contender.Name]
				}
				if s.Label = row.Name + classNote(class, usual); len(s.Entries) > 0 {
					list = append(list, s)
				}
			}
		}
	}
	return list
}

func summarize(row *result.Row, class string, m result.Measure) Summary {
	s := Summary{Row: row, Name: row.Name, Class: class, Measure: m}
	for i, c := range row.Contenders {
		f := row.Figures(c.Name, class, m)
		if len(f.Values) == 0 {
			continue
		}
		starts := row.Starts(c.Name, class, m).Values
		e := Entry{
			Contender: c, Windows: len(f.Values), Starts: len(starts), Limited: f.Limited > 0, Doubtful: f.Doubtful > 0, Disturbed: f.Disturbed,
			Values: f.Values, Median: stat.Median(f.Values), Where: whereOf(f.Values, starts),
		}
		if len(s.Entries) > 0 && i > 0 {
			e.compare(s.Entries[0], row, class, m)
		}
		s.Entries = append(s.Entries, e)
	}
	return s
}

// whereOf is where a median lies: windows of one start are alike beyond chance, so where there are several starts each counts once.
func whereOf(windows, starts []float64) stat.Interval {
	if len(starts) > 1 {
		return stat.MedianInterval(starts, confidence)
	}
	return stat.MedianInterval(windows, confidence)
}

// compare says how the row's first contender stands beside this one. There is nothing to say when that one has no figures, when the
// generator was the limit of both, and in windows of no class.
func (e *Entry) compare(first Entry, row *result.Row, class string, m result.Measure) {
	if first.Contender.Name != row.Contenders[0].Name || first.Limited && e.Limited || class == result.Mixed || e.Median == 0 {
		return
	}
	e.Ratio = first.Median / e.Median
	calm := !first.Disturbed && !e.Disturbed
	rounds := row.Pairs(first.Contender.Name, e.Contender.Name, class, m)
	if len(rounds) == 0 {
		e.Certain = calm && stat.RankSum(first.Values, e.Values) <= 1-confidence
		return
	}
	ratios := slices.Concat(rounds...)
	e.Ratio = stat.Median(ratios)
	blocks := ratios // of a single start there is nothing but its windows
	if len(rounds) > 1 {
		blocks = medians(rounds)
	}
	where := stat.MedianInterval(blocks, confidence)
	e.Between = &where
	e.Certain = calm && e.chance(first, row, class, m, rounds) <= 1-confidence
}

// enoughPairs is how many pairs the test of pairs can tell anything from.
const enoughPairs = 6

// chance is the probability that two in turns, who are alike, are as far apart. A machine that drifts is in both figures of a pair alike, and so in no ratio. Which
// test it is depends on how many rounds there are, and on nothing that was measured.
func (e *Entry) chance(first Entry, row *result.Row, class string, m result.Measure, rounds [][]float64) float64 {
	switch {
	case len(rounds) >= enoughPairs:
		return stat.SignedRank(logs(medians(rounds)))
	case e.byStart(first): // too few for a test of pairs: a drift hides a difference here, and makes none
		return stat.RankSum(row.Starts(first.Contender.Name, class, m).Values, row.Starts(e.Contender.Name, class, m).Values)
	}
	return stat.SignedRank(logs(slices.Concat(rounds...)))
}

// medians returns that of each list.
func medians(lists [][]float64) (all []float64) {
	for _, list := range lists {
		all = append(all, stat.Median(list))
	}
	return all
}

// logs returns the logarithm of each ratio: twice as much is as far from even as half. A ratio of 0 is farther than all others.
func logs(ratios []float64) []float64 {
	all := slices.Clone(ratios)
	for i, r := range all {
		all[i] = math.Log(r)
	}
	return all
}

// byStart reports whether there are starts enough to compare these, one figure for each, as bench/compare does. With fewer, pairs of windows are compared, and what they say
// is of these starts alone.
func (e *Entry) byStart(first Entry) bool { return min(e.Starts, first.Starts) >= fewest }

// startsText says of how few starts a word is, if it is of windows that are not each of one of its own.
func (e *Entry) startsText(first Entry) string {
	n := min(e.Starts, first.Starts)
	switch {
	case e.byStart(first), n >= min(e.Windows, first.Windows):
		return ""
	case n == 1:
		return " (one start)"
	}
	return fmt.Sprintf(" (%d starts)", n)
}

// bound is what stands before a figure of a contender that the generator limited: a rate is at least that, a cost at most.
func (s *Summary) bound(e Entry, least, most string) string {
	switch {
	case !e.Limited:
		return ""
	case s.Measure.Better == result.More:
		return least
	}
	return most
}

// Largest is the largest figure of all entries, for the scale of a chart.
func (s *Summary) Largest() (most float64) {
	for _, e := range s.Entries {
		for _, v := range e.Values {
			most = max(most, v)
		}
	}
	return most
}

// unit is one that suits all entries' medians: a window that went wrong does not set it.
func (s *Summary) unit() Unit {
	most := 0.0
	for _, e := range s.Entries {
		most = max(most, e.Median)
	}
	return UnitOf(s.Measure.Unit, most)
}

// leftOut counts the windows of a row that do not count, by reason in order of appearance.
func leftOut(row *result.Row) (reasons []string, counts map[string]int) {
	counts = make(map[string]int)
	for _, w := range row.Windows {
		if w.LeftOut == "" {
			continue
		}
		if counts[w.LeftOut] == 0 {
			reasons = append(reasons, w.LeftOut)
		}
		counts[w.LeftOut]++
	}
	return reasons, counts
}

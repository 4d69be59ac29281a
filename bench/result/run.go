// Package result is what a run of the bench has found: raw windows with all that is known of them, kept as JSON. What
// they mean (medians, comparisons, plots) is worked out by who reads them, bench/report and bench/compare.
//
// Files come from other machines and are not trusted: what [Read] returns keeps to every rule that [Run.Check] has.
//
// Thread-safety: a Run or Book belongs to one goroutine.
package result

import (
	"time"

	"github.com/culvertdev/culvert/bench/machine"
)

// Schema is the version of the format. A change that makes old files mean something else raises it.
const Schema = 1

// A Run is one run of one program of the bench.
type Run struct {
	Schema   int                 `json:"schema"`
	Program  string              `json:"program"` // what measured, such as vhost
	Title    string              `json:"title"`   // in words
	Started  time.Time           `json:"started"`
	Changed  time.Time           `json:"changed"` // when the last window was added
	Machine  machine.Fingerprint `json:"machine"`
	Versions map[string]string   `json:"versions,omitempty"` // of the programs that took part, by name
	Programs map[string]string   `json:"programs,omitempty"` // files of contenders that come from files: SHA-256 in hexadecimal, by the contender's name
	Parts    []Part              `json:"parts,omitempty"`    // from a start, or a resumption, to its end, in order; none where nothing of the kind is known
	Setup    Setup               `json:"setup"`
	Commands []string            `json:"commands"` // that repeat it, in order
	Rows     []Row               `json:"rows"`
}

// A Row is one place of the table: something that several contenders are measured with.
type Row struct {
	Name       string      `json:"name"` // no other row of the run has it
	Traffic    Traffic     `json:"traffic"`
	Measures   []Measure   `json:"measures"`   // what is taken of each window; the first is what the row is about
	Contenders []Contender `json:"contenders"` // the one that ratios are of first
	Windows    []Window    `json:"windows"`
}

// Traffic is what is sent, and what the switch is to do with it. What is 0 or empty does not apply. Rows that differ
// in the number of flows alone make a curve.
type Traffic struct {
	Task       string   `json:"task"`                  // of the switch, in words
	Protocol   string   `json:"protocol,omitempty"`    // what packets are made of
	FrameBytes int      `json:"frame_bytes,omitempty"` // without frame check sequence
	Mix        string   `json:"mix,omitempty"`         // of sizes where they vary, such as IMIX
	Flows      int      `json:"flows,omitempty"`       // in each direction
	Directions int      `json:"directions,omitempty"`  // 2: both ways at once
	Ports      string   `json:"ports,omitempty"`       // kind, such as vhost-user with split rings
	Rules      []string `json:"rules,omitempty"`       // in ovs-ofctl's syntax
}

// A Measure is a kind of figure.
type Measure struct {
	Name       string  `json:"name"`
	Unit       string  `json:"unit"`                           // of the figures as they are kept, such as packets/s or ns
	Better     Better  `json:"better"`                         // which figures are better ones
	Percentile float64 `json:"percentile,omitempty"`           // of the latency, above 0 to 100; 0: it stands among the figures
	Bounded    bool    `json:"bounded_by_generator,omitempty"` // a generator that is the limit is what it measures then
}

// Better is a direction.
type Better string

const (
	More    Better = "more"
	Less    Better = "less"
	Neither Better = "neither" // it says under what the others were measured, such as the rate that was offered
)

// A Contender is a switch that was measured.
type Contender struct {
	Name    string   `json:"name"`
	Version string   `json:"version"`
	Config  []string `json:"config,omitempty"` // lines, what differs from its defaults
}

// Index returns the place of a row by name, -1 if there is none.
func (r *Run) Index(row string) int {
	for i := range r.Rows {
		if r.Rows[i].Name == row {
			return i
		}
	}
	return -1
}

// Measure returns a measure by name.
func (r *Row) Measure(name string) (m Measure, ok bool) {
	for _, m := range r.Measures {
		if m.Name == name {
			return m, true
		}
	}
	return m, false
}

// Contender returns a contender by name.
func (r *Row) Contender(name string) (c Contender, ok bool) {
	for _, c := range r.Contenders {
		if c.Name == name {
			return c, true
		}
	}
	return c, false
}

package storm

import (
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
)

// A Result is what Run found.
type Result struct {
	Options
	CPU   int     // the worker's
	Alone float64 // packets a second that the established flows reach alone, none lost
	Calm  Phase   // a share of that, and nothing else
	Storm Phase   // the same in the storm
}

// A Phase is what happened to packets in a while.
type Phase struct {
	Time           time.Duration
	Sent, Received uint64 // of established flows
	Late           uint64 // that the host did not get to send
	New            uint64 // first packets of new flows sent
	Refused        uint64 // of these, by the full ring of the port they came to
	NewReceived    uint64
	Changed        uint64           // rules
	Drops          []counter.Sample // the switch's, by reason
	Caches         []counter.Sample // by the level that answered
	SlowPath       []counter.Sample // slow path and revalidator
	Cache          []counter.Sample // what happened to cached flows
	Flows          int              // cached at the end
	Mallocs        uint64           // objects allocated by the process
	Allocated      uint64           // bytes
	Collections    uint32           // of garbage
	Stopped        time.Duration    // all goroutines, for these
	Ran, Waited    time.Duration    // the worker's thread: had its CPU; wanted it while somebody else had it
	Moves          uint64           // times the worker got another thread, of which Ran and Waited know nothing
	Cycles         pmd.Histogram    // of the worker: how long its poll cycles were
	Gaps
}

// Lost returns how many packets of established flows did not arrive. It is negative when some came that
// the phase before had given up: the worker was off its CPU for longer than anybody waits.
func (p *Phase) Lost() int64 { return int64(p.Sent - p.Received) }

// Loss returns Lost as a part of the packets sent.
func (p *Phase) Loss() float64 { return float64(p.Lost()) / float64(max(1, p.Sent)) }

// Rate returns n as a number a second.
func (p *Phase) Rate(n uint64) float64 { return float64(n) / p.Time.Seconds() }

// Value returns a counter of list by its name; 0 when there is none.
func Value(list []counter.Sample, name string) uint64 {
	for _, s := range list {
		if s.Name == name {
			return s.Value
		}
	}
	return 0
}

// look returns everything that counts, from the beginning of time. Nothing is on its way.
func (r *rig) look() Phase {
	st := r.sw.Stats()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	ran, waited, err := r.worker.times()
	if err != nil {
		r.calm.err = err
	}
	return Phase{
		Ran: ran, Waited: waited, Moves: st.Workers[0].Moves, Cycles: st.Workers[0].Cycle,
		Sent: r.calm.sent, Received: r.calm.received,
		New: r.storm.sent, Refused: r.storm.refused, NewReceived: r.storm.received,
		Drops: st.Drops, Caches: st.Caches, SlowPath: st.SlowPath, Cache: st.Flows.Samples, Flows: st.Flows.Flows,
		Mallocs: m.Mallocs, Allocated: m.TotalAlloc, Collections: m.NumGC, Stopped: time.Duration(m.PauseTotalNs),
	}
}

// since makes p what has happened since before.
func (p Phase) since(before *Phase) Phase {
	p.Sent -= before.Sent
	p.Received -= before.Received
	p.New -= before.New
	p.Refused -= before.Refused
	p.NewReceived -= before.NewReceived
	p.Drops = less(p.Drops, before.Drops)
	p.Caches = less(p.Caches, before.Caches)
	p.SlowPath = less(p.SlowPath, before.SlowPath)
	p.Cache = less(p.Cache, before.Cache)
	p.Mallocs -= before.Mallocs
	p.Allocated -= before.Allocated
	p.Collections -= before.Collections
	p.Stopped -= before.Stopped
	p.Ran -= before.Ran
	p.Waited -= before.Waited
	p.Moves -= before.Moves
	for i := range p.Cycles.Buckets {
		p.Cycles.Buckets[i] -= before.Cycles.Buckets[i]
	}
	p.Cycles.Sum -= before.Cycles.Sum
	return p
}

// less returns the samples of a, less those of b, which has the same ones.
func less(a, b []counter.Sample) []counter.Sample {
	for i := range a {
		a[i].Value -= b[i].Value
	}
	return a
}

// String says it in a few lines.
func (r Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d established flows alone: %.2f Mpps, none lost (64-byte packets, one worker on CPU %d)\n",
		r.Flows, r.Alone/1e6, r.CPU)
	fmt.Fprintf(&b, "offered %.0f %% of that: %s\n", 100*r.Share, r.Calm.established())
	s := &r.Storm
	if r.Kind == Changes {
		fmt.Fprintf(&b, "and %.0f %s, a second: %s\n", s.Rate(s.Changed), r.Kind, s.established())
		fmt.Fprintf(&b, "slow path: %s", s.list(s.SlowPath))
		return b.String()
	}
	fmt.Fprintf(&b, "and %d new flows a second (%s): %s\n", r.Options.Rate, r.Kind, s.established())
	fmt.Fprintf(&b, "new flows: %.0f/s sent, %.0f/s refused by the port's full ring, %.0f/s forwarded\n",
		s.Rate(s.New), s.Rate(s.Refused), s.Rate(s.NewReceived))
	fmt.Fprintf(&b, "dropped by reason: %s\n", s.list(s.Drops))
	fmt.Fprintf(&b, "answered by: %s\n", s.list(s.Caches))
	fmt.Fprintf(&b, "slow path: %s\n", s.list(s.SlowPath))
	fmt.Fprintf(&b, "flow cache: %d flows; %s\n", s.Flows, s.list(s.Cache))
	fmt.Fprintf(&b, "memory: %.0f objects/s, %.0f KB/s allocated, %d collections, %v stopped in all",
		s.Rate(s.Mallocs), s.Rate(s.Allocated)/1e3, s.Collections, s.Stopped)
	return b.String()
}

func (p *Phase) established() string {
	return fmt.Sprintf("%.2f Mpps sent (%.2f %% not, the host was late), %d of %d lost, %.4f %% (%d because the worker waited for its CPU, %d because it was parked, %d while it ran); "+
		"it ran %v, waited %v, was off its CPU %v in all and %v at a time; no poll cycle took %v",
		p.Rate(p.Sent)/1e6, 100*float64(p.Late)/float64(max(1, p.Sent+p.Late)), p.Lost(), p.Sent, 100*p.Loss(), p.LostWaiting, p.LostParked, p.LostRunning,
		p.Ran.Round(time.Millisecond), p.Waited.Round(time.Millisecond), p.Off.Round(time.Millisecond), p.Longest.Round(100*time.Microsecond),
		p.Cycles.Quantile(1).Round(10*time.Microsecond))
}

// list names the counters that are not 0, a second.
func (p *Phase) list(samples []counter.Sample) string {
	var words []string
	for _, s := range samples {
		if s.Value > 0 {
			words = append(words, fmt.Sprintf("%s %.0f/s", s.Name, p.Rate(s.Value)))
		}
	}
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}

package gen

import (
	"fmt"
	"maps"
	"slices"
)

// When it was the generator that set the figures.
const (
	maxSkipped = 0.0001 // share of a stream's frames that may be left out, unless Job.Spare says another
	maxLate    = 0.01   // share of a stream's frames that may leave late
	minRest    = 0.02   // share of rounds in which a thread that keeps a pace has nothing to do
	minFull    = 0.01   // share of bursts that a port does not take all of, when it is offered as much as goes
	maxBacklog = 0.5    // share of looks after which a receive queue is not empty
	nearness   = 0.95   // of what was reached back to back
)

// paceLimits says in words how frames left otherwise than they should.
func (r *run) paceLimits(res *Result) (list []string) {
	say := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	for i, s := range r.senders {
		st := &res.Streams[i]
		wanted := float64(max(s.offered+st.Lag.Skipped, 1))
		switch greedy := r.job.Streams[i].Rate == 0 && r.job.Streams[i].Capture == nil; {
		case greedy:
		case float64(st.Lag.Skipped) > r.job.Spare*wanted:
			say("stream %d: the generator did not keep up and left out %.2f %% of the frames", i, 100*float64(st.Lag.Skipped)/wanted)
		case float64(st.Lag.Late) > maxLate*wanted:
			say("stream %d: %.1f %% of the frames left more than %v late", i, 100*float64(st.Lag.Late)/wanted, r.job.punctual(slack))
		}
		if s.starved > 0 {
			say("stream %d: there were no free buffers, %d times: give the generator more", i, s.starved)
		}
	}
	for i, t := range r.threads {
		paced := !slices.ContainsFunc(r.job.Streams, func(s Stream) bool { return s.Rate == 0 && s.Capture == nil })
		if idle := res.Threads[i].Idle; len(t.senders) > 0 && paced && idle < minRest {
			say("CPU %d: the generator's thread had nothing to do in %.1f %% of its rounds only", t.cpu, 100*idle)
		}
	}
	return list
}

// limits says in words why else it may have been the generator that set the figures.
func (r *run) limits(res *Result) (list []string) {
	say := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	rate := 0.0
	for i, s := range r.senders {
		rate += res.Streams[i].ReceivedRate
		st := r.job.Streams[i]
		if st.Rate == 0 && st.Capture == nil && st.Count == 0 && float64(s.full) < minFull*float64(s.bursts) {
			say("stream %d: the port took all but %.2f %% of the bursts: faster the generator is not", i, 100*share(s.full, s.bursts))
		}
	}
	for i, t := range r.threads {
		if idle := res.Threads[i].Idle; len(t.senders) == 0 && idle < minRest {
			say("CPU %d: the generator's thread that receives had nothing to do in %.1f %% of its rounds only", t.cpu, 100*idle)
		}
		if b := res.Threads[i].Backlog; b > maxBacklog {
			say("CPU %d: the sink left frames behind in %.0f %% of its looks at receive queues", t.cpu, 100*b)
		}
	}
	for _, p := range res.Ports {
		for _, name := range slices.Sorted(maps.Keys(p.Drops)) {
			if name != "tx_full" && name != "tx_link_down" { // these are the switch's doing
				say("port %s: the generator's own port dropped %d frames: %s", p.Name, p.Drops[name], name)
			}
		}
	}
	if c := r.job.Ceiling; c > 0 && rate > nearness*c {
		say("%.0f frames a second arrived, and back to back it was %.0f", rate, c)
	}
	return list
}

func share(part, whole uint64) float64 { return float64(part) / float64(max(whole, 1)) }

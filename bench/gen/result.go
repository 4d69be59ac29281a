package gen

import (
	"time"

	"github.com/culvertdev/culvert/bench/gen/sink"
)

// A Progress says how far a run is.
type Progress struct {
	Offered  uint64 `json:"offered"` // frames
	Received uint64 `json:"received"`
}

// A Result says what became of a job. Rates are in frames a second of the time for which frames were sent.
type Result struct {
	Seconds float64        `json:"seconds"` // for which frames were sent
	Clock   string         `json:"clock"`   // where the time comes from
	Streams []StreamResult `json:"streams"`
	Latency *sink.Latency  `json:"latency,omitempty"` // of all streams together
	Ports   []PortResult   `json:"ports"`
	Threads []ThreadResult `json:"threads"`
	// Limits says why it may have been the generator, and not the switch, that set the figures; empty if it was not.
	Limits []string `json:"limits,omitempty"`
	// OnlyPace reports that all of Limits are about when frames left: later or fewer than they should. Those that left are counted, and
	// it was not the generator that lost any.
	OnlyPace bool `json:"only_pace,omitempty"`
}

// A StreamResult is one stream's.
type StreamResult struct {
	From         string   `json:"from"`
	To           string   `json:"to,omitempty"`
	Offered      uint64   `json:"offered"`             // frames that were given to the port
	Refused      uint64   `json:"refused"`             // of these, those that it did not take: its ring was full
	Lost         uint64   `json:"lost"`                // of those offered, those that did not arrive, refused ones among them
	Loss         float64  `json:"loss"`                // share of those offered
	LastLost     uint64   `json:"last_lost,omitempty"` // number of the last frame that was lost, from 1; 0: none was, or they have no numbers
	OfferedRate  float64  `json:"offered_per_second"`
	ReceivedRate float64  `json:"received_per_second"`
	Lag          Lag      `json:"lag"`
	OfferedEach  []uint64 `json:"offered_course,omitempty"` // frames offered in each interval
	sink.Report
}

// A Lag is how well the generator kept to its pace.
type Lag struct {
	Longest int64  `json:"longest_ns"` // by which a frame left later than it was due, at most
	Late    uint64 `json:"late"`       // frames that left more than 100 us later, or 10 ms where it rests
	Skipped uint64 `json:"skipped"`    // frames that were left out because they were later than a job's CatchUp
}

// A PortResult is one port's.
type PortResult struct {
	Name   string            `json:"name"`
	Others sink.Other        `json:"others"`           // frames that arrived and were nobody's
	Drops  map[string]uint64 `json:"drops,omitempty"`  // what the generator's own port has dropped, by its counters
	Breaks uint64            `json:"breaks,omitempty"` // times its carrier came back while the job ran
}

// A ThreadResult is one thread's.
type ThreadResult struct {
	CPU      int     `json:"cpu"` // -1: any
	Sends    bool    `json:"sends"`
	Receives bool    `json:"receives"`
	Idle     float64 `json:"idle"`    // share of its rounds in which there was nothing to do
	Backlog  float64 `json:"backlog"` // share of its looks at receive queues after which there was probably more
}

// result puts together what there is to say. The threads have ended.
func (r *run) result() *Result {
	took := float64(r.ended-r.begun) / r.clock.Frequency()
	res := &Result{Seconds: took, Clock: r.clock.Source(), Latency: r.sink.Merge()}
	for i := range r.senders {
		res.Streams = append(res.Streams, r.streamResult(i, took))
	}
	for i, p := range r.ports {
		res.Ports = append(res.Ports, PortResult{
			Name: p.Info().Name, Others: r.sink.Others(i), Drops: dropsOf(p).since(r.before[i]), Breaks: r.threads[0].links[i].breaks,
		})
	}
	for _, t := range r.threads {
		res.Threads = append(res.Threads, t.result())
	}
	pace, others := r.paceLimits(res), r.limits(res)
	res.Limits, res.OnlyPace = append(pace, others...), len(pace) > 0 && len(others) == 0
	return res
}

func (r *run) streamResult(i int, took float64) StreamResult {
	s, st := r.senders[i], r.job.Streams[i]
	res := StreamResult{From: st.From, To: st.To, Offered: s.offered, Refused: s.offered - s.sent, OfferedEach: s.course, Report: r.sink.Report(i)}
	if st.Capture != nil { // its frames are those without stamps
		o := r.sink.Others(r.expects[i].Port)
		res.Received, res.Bytes = o.Frames, o.Bytes
	} else {
		res.LastLost = r.sink.LastLost(i, s.offered)
	}
	res.Lost = s.offered - min(s.offered, res.Received)
	res.Loss = float64(res.Lost) / float64(max(s.offered, 1))
	res.OfferedRate, res.ReceivedRate = float64(s.offered)/took, float64(res.Received)/took
	lag := s.pace.Lag()
	res.Lag = Lag{Longest: int64(time.Duration(float64(lag.Longest) / r.clock.Frequency() * 1e9)), Late: lag.Late, Skipped: lag.Skipped}
	return res
}

func (t *thread) result() ThreadResult {
	res := ThreadResult{CPU: t.cpu, Sends: len(t.senders) > 0, Receives: len(t.receivers) > 0, Idle: float64(t.idle) / float64(max(t.turns, 1))}
	var turns, backlog uint64
	for _, r := range t.receivers {
		turns, backlog = turns+r.turns, backlog+r.backlog
	}
	res.Backlog = float64(backlog) / float64(max(turns, 1))
	return res
}

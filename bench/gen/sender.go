package gen

import (
	"github.com/culvertdev/culvert/bench/gen/pace"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/cpu"
	"github.com/culvertdev/culvert/ring/frame"
)

// A source makes frames: a stream, or a capture.
type source interface {
	// Fill appends up to n frames to b and returns how many: fewer when there is no room or no buffer. now goes into
	// one of them as its time.
	Fill(c *frame.Cache, b *frame.Batch, n int, now int64) int
	// Longest returns the size in bytes of the longest frame.
	Longest() int
}

// A sender sends one stream.
type sender struct {
	source source
	pace   pace.Pace
	queue  pmd.TxQueue
	clock  *cpu.Clock
	cache  *frame.Cache
	batch  frame.Batch

	offered uint64 // frames given to the port
	sent    uint64 // frames it took
	bursts  uint64
	full    uint64 // bursts that it did not take all of
	starved uint64 // bursts for which there were no buffers
	pending bool   // the port wants to be flushed

	after    int64 // cycles from the job's start to the stream's
	until    int64 // cycles from the job's start to the stream's end; 0: it ends with the job
	start    int64 // of the job, in cycles
	interval int64 // cycles; 0: no course is kept
	course   []uint64
}

// begin starts the job at a time.
func (s *sender) begin(now int64) {
	s.start = now
	s.pace.Start(now + s.after)
}

// turn sends what is due, one burst at most, and returns how many frames that were.
func (s *sender) turn(now int64) int {
	n := 0
	if now >= s.start+s.after && (s.until == 0 || now < s.start+s.until) {
		n = min(s.pace.Due(now), frame.MaxBatch)
	}
	if n == 0 {
		s.flush()
		return 0
	}
	now = s.clock.Cycles() // others may have had their turns since
	made := s.source.Fill(s.cache, &s.batch, n, now)
	if made == 0 {
		s.starved++ // sending nothing takes back what the port is done with
	}
	took := s.queue.Send(&s.batch)
	s.pending = s.queue.Flush()
	s.pace.Sent(made, now)
	s.offered += uint64(made)
	s.sent += uint64(took)
	s.bursts++
	if took < made {
		s.full++
	}
	if s.interval > 0 {
		s.course[min((now-s.start)/s.interval, int64(len(s.course)-1))] += uint64(made)
	}
	return made
}

// flush does what the port wants done while nothing is sent.
func (s *sender) flush() {
	if s.pending {
		s.pending = s.queue.Flush()
	}
}

package sink

import (
	"time"

	"github.com/culvertdev/culvert/bench/gen/stamp"
	"github.com/culvertdev/culvert/ring/frame"
)

// MaxStreams is how many streams a sink tells apart: so many low bits of a mark are the stream's number.
const (
	MaxStreams = 1 << streamBits
	streamBits = 6
)

// Mark returns the mark of a stream's frames in a run, whose number should be drawn at random.
func Mark(run uint32, stream int) uint32 { return run<<streamBits | uint32(stream) }

// Options say what a sink listens for. Times are in cycles.
type Options struct {
	Pool      *frame.Pool
	Run       uint32   // see Mark
	Streams   []Expect // at most MaxStreams
	Ports     int      // that frames come from, numbered from 0
	Nanos     float64  // nanoseconds in a cycle
	Interval  int64    // of the course of the run; 0: none is kept
	Intervals int      // how many: later frames count to the last
}

// An Expect is a stream that frames are to come from.
type Expect struct {
	Port int // where they are to arrive; -1: anywhere
}

// A Sink is what frames end in.
type Sink struct {
	o       Options
	start   int64
	streams []*stream
	others  []Other // by port
	read    [frame.MaxBatch]stamp.Stamp
	tail    [stamp.Size]byte
}

// stream is what is known of one.
type stream struct {
	Expect
	tracker
	bytes   uint64
	astray  uint64
	delay   Delay
	firsts  Delay
	zero    int64 // latency of frame 0; 0: it did not arrive, or without a time
	last    int64 // when the last one arrived; 0: none yet
	first   int64 // when the first one did
	silence int64 // the longest
	silent  int64 // when that began
	course  []uint64
}

// Other counts frames of nobody, or of another run.
type Other struct {
	Frames uint64 `json:"frames"`
	Bytes  uint64 `json:"bytes"`
}

// New returns a sink. It has all the memory it needs.
func New(o Options) *Sink {
	s := &Sink{o: o, others: make([]Other, o.Ports)}
	for _, e := range o.Streams {
		st := &stream{Expect: e, delay: newDelay(), firsts: newDelay()}
		if o.Interval > 0 {
			st.course = make([]uint64, o.Intervals)
		}
		s.streams = append(s.streams, st)
	}
	return s
}

// Start begins the run at a time.
func (s *Sink) Start(now int64) { s.start = now }

// Take notes that the frames of b have arrived at a port, at a time. They remain the caller's.
func (s *Sink) Take(port int, b *frame.Batch, now int64) {
	fs := b.Frames()
	for i, f := range fs { // all of them first: none waits for the memory of the one before
		s.read[i] = s.stamp(f)
	}
	for i := 0; i < len(fs); {
		if n := s.row(port, fs[i:], s.read[i:len(fs)], now); n > 0 {
			i += n
			continue
		}
		s.take(port, &s.read[i], uint64(s.o.Pool.Total(fs[i])), now)
		i++
	}
}

// row notes the first of some frames at once, as long as each is the one that is next in the same stream, and has no time,
// and returns how many those were. Nearly all there are come so.
func (s *Sink) row(port int, fs []frame.Frame, read []stamp.Stamp, now int64) int {
	mark := read[0].Mark
	t := s.stream(mark)
	if t == nil || t.Port >= 0 && t.Port != port {
		return 0
	}
	n, size := 0, 0
	for n < len(read) && read[n].Mark == mark && read[n].Sequence == t.next+uint64(n) && read[n].Time == 0 {
		size += s.o.Pool.Total(fs[n])
		n++
	}
	if n > 0 {
		t.row(uint64(n))
		s.arrived(t, uint64(n), uint64(size), now)
	}
	return n
}

// arrived notes that n frames of a stream have arrived, whatever their numbers.
func (s *Sink) arrived(t *stream, n, size uint64, now int64) {
	t.bytes += size
	if t.last != now {
		t.arrival(now, s.start)
	}
	if t.course != nil {
		t.course[min(max(0, (now-s.start)/s.o.Interval), int64(len(t.course)-1))] += n
	}
}

// stream returns whose frames have a mark; nil: nobody's of this run.
func (s *Sink) stream(mark uint32) *stream {
	n := mark & (MaxStreams - 1)
	if mark>>streamBits != s.o.Run&(1<<(32-streamBits)-1) || int(n) >= len(s.streams) {
		return nil
	}
	return s.streams[n]
}

// stamp returns the stamp at the end of f; the zero Stamp if there is no room for one.
func (s *Sink) stamp(f frame.Frame) stamp.Stamp {
	p := s.o.Pool
	if f.More() == 0 {
		b := p.Bytes(f)
		if len(b) < stamp.Size {
			return stamp.Stamp{}
		}
		return stamp.Get(b[len(b)-stamp.Size:])
	}
	skip := p.Total(f) - stamp.Size
	n := 0
	for ok := true; ok; f, ok = p.Next(f) {
		b := p.Bytes(f)
		if skip >= len(b) {
			skip -= len(b)
			continue
		}
		n += copy(s.tail[n:], b[max(skip, 0):])
		skip = 0
	}
	if n < stamp.Size {
		return stamp.Stamp{}
	}
	return stamp.Get(s.tail[:])
}

// take notes one frame.
func (s *Sink) take(port int, st *stamp.Stamp, size uint64, now int64) {
	t := s.stream(st.Mark)
	if t == nil {
		s.others[port].Frames++
		s.others[port].Bytes += size
		return
	}
	if t.Port >= 0 && t.Port != port {
		t.astray++
		return
	}
	t.take(st.Sequence)
	s.arrived(t, 1, size, now)
	if st.Time != 0 {
		t.took(st, int64(float64(now-st.Time)*s.o.Nanos))
	}
}

// arrival notes that frames have arrived at a time at which none had. Before the first, silence counts from the start.
func (t *stream) arrival(now, start int64) {
	if t.last == 0 {
		t.first, t.last = now, start
	}
	if d := now - t.last; d > t.silence {
		t.silence, t.silent = d, t.last
	}
	t.last = now
}

// took notes how long a frame was under way.
func (t *stream) took(st *stamp.Stamp, ns int64) {
	t.delay.add(ns)
	if st.First {
		t.firsts.add(ns)
	}
	if st.Sequence == 0 && t.zero == 0 {
		t.zero = max(ns, 1)
	}
}

// Arrived returns how many frames of a stream have arrived, each counted once.
func (s *Sink) Arrived(stream int) uint64 { return s.streams[stream].unique() }

// LastLost returns the highest number, and 1, of a stream's first n frames that have not arrived: the switch has lost
// none since. 0: all have arrived. A frame that was behind by more than the window counts as lost here.
func (s *Sink) LastLost(stream int, n uint64) uint64 { return s.streams[stream].lastLost(n) }

// Others returns the frames of nobody that have arrived at a port.
func (s *Sink) Others(port int) Other { return s.others[port] }

// A Report says what became of a stream's frames. Times are in nanoseconds.
type Report struct {
	Received   uint64 `json:"received"` // frames, each counted once
	Bytes      uint64 `json:"bytes"`    // of all that arrived
	Duplicates uint64 `json:"duplicates"`
	Reordered  uint64 `json:"reordered"`
	Extent     uint64 `json:"reordering_extent"` // the largest
	Late       uint64 `json:"behind_window"`     // of those reordered
	Astray     uint64 `json:"astray"`            // arrived at another port than the stream's

	Latency *Latency `json:"latency,omitempty"`
	Firsts  *Latency `json:"first_of_flow_latency,omitempty"` // of frames that were the first of their flows
	First   int64    `json:"first_frame_ns,omitempty"`        // latency of frame 0; 0: it did not arrive

	FirstAt   int64    `json:"first_at_ns"`           // when the first frame arrived, from the start
	LastAt    int64    `json:"last_at_ns"`            // when the last one did
	Silence   int64    `json:"longest_silence_ns"`    // between two arrivals, or the start and the first
	SilenceAt int64    `json:"longest_silence_at_ns"` // from the start
	Course    []uint64 `json:"course,omitempty"`      // frames that arrived in each interval
}

// Report returns what became of a stream's frames. Course is the sink's.
func (s *Sink) Report(stream int) Report {
	t := s.streams[stream]
	r := Report{
		Received: t.unique(), Bytes: t.bytes, Duplicates: t.duplicates, Reordered: t.reordered, Extent: t.extent,
		Late: t.late, Astray: t.astray, Latency: t.delay.latency(), Firsts: t.firsts.latency(), First: t.zero, Course: t.course,
	}
	if t.last != 0 {
		r.FirstAt, r.LastAt = s.since(t.first), s.since(t.last)
		r.Silence, r.SilenceAt = s.nanos(t.silence), s.since(t.silent)
	}
	return r
}

// Merge returns the latency of all streams together; nil if none is known.
func (s *Sink) Merge() *Latency {
	all := newDelay()
	for _, t := range s.streams {
		all.h.Merge(t.delay.h)
	}
	return all.latency()
}

func (s *Sink) nanos(cycles int64) int64 { return int64(float64(cycles) * s.o.Nanos) }
func (s *Sink) since(when int64) int64   { return s.nanos(when - s.start) }

// Quiet reports whether nothing has arrived for so long before now.
func (s *Sink) Quiet(now int64, d time.Duration) bool {
	last := s.start
	for _, t := range s.streams {
		last = max(last, t.last)
	}
	return s.nanos(now-last) > int64(d)
}

// Whole reports whether as many frames of each stream have arrived as were sent.
func (s *Sink) Whole(sent []uint64) bool {
	for i, t := range s.streams {
		if t.unique() < sent[i] {
			return false
		}
	}
	return true
}

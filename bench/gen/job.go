package gen

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/culvertdev/culvert/bench/gen/capture"
	"github.com/culvertdev/culvert/bench/gen/sink"
	"github.com/culvertdev/culvert/bench/gen/stream"
	"github.com/culvertdev/culvert/pmd/cpu"
)

// Bounds of a Job.
const (
	MaxTime      = 24 * time.Hour
	maxLinger    = time.Minute
	maxIntervals = 100_000
	minRate      = 1e-4 // frames a second
	maxRate      = 1e9
	maxBurst     = 1 << 16
)

// A Job is one run: streams that are sent for some time.
type Job struct {
	Streams []Stream `json:"streams"`
	// Watch are ports that frames are received from besides those of the streams: there it is seen what a switch floods.
	Watch []string `json:"watch,omitempty"`
	Time  Duration `json:"time"` // for which frames are sent; required
	// Linger is how long frames may arrive after the last was sent; default 1 s. It ends when all have.
	Linger   Duration `json:"linger,omitempty"`
	Wait     Duration `json:"wait,omitempty"`     // for carrier, before; default 10 s
	Interval Duration `json:"interval,omitempty"` // of the course of the run; default: none is kept
	// CPUs are where it runs: on one, or sending on the first and receiving on the second. Default: on one, whichever
	// the kernel chooses.
	CPUs []int `json:"cpus,omitempty"`
	// Rest lets the CPU go when there is nothing to do. Frames leave and are seen some 100 us late then, and up to 10 ms is
	// nothing to complain of; it is for machines that others use, too.
	Rest bool `json:"rest,omitempty"`
	// CatchUp is how much a sender that was held up makes good for; what is older is left out. Default 1 ms, with Rest 10 ms.
	CatchUp Duration `json:"catch_up,omitempty"`
	// Spare is the share of a stream's frames that the generator may leave out and still not be called the limit, from 0 to
	// 0.1; default 0.0001. Who looks for a rate to a hundredth has no use for less than some of that.
	Spare float64 `json:"spare,omitempty"`
	// Ceiling is what the generator has reached back to back in the same arrangement, in frames a second; 0: it was not
	// measured. A run close to it is marked.
	Ceiling float64 `json:"ceiling,omitempty"`
}

// A Stream is frames from one port to another.
type Stream struct {
	From string `json:"from"`         // port
	To   string `json:"to,omitempty"` // port; default: any
	// Rate is in frames a second; 0 is as fast as it goes.
	Rate  float64 `json:"rate,omitempty"`
	Burst int     `json:"burst,omitempty"` // frames that leave together; default 1
	Count uint64  `json:"count,omitempty"` // frames in all, if the time suffices; default: as many as come to pass
	// After is how long after the job's start the stream begins: one load follows another without a pause.
	After Duration `json:"after,omitempty"`
	// Until is how long after the job's start the stream ends, whatever it has not sent by then; default: with the job.
	Until Duration `json:"until,omitempty"`
	stream.Spec
	Capture *capture.Spec `json:"capture,omitempty"` // sent in place of frames that are made
}

// withDefaults checks a job and fills in what is not given.
func (j Job) withDefaults() (Job, error) {
	for _, d := range []struct {
		what        string
		v           *Duration
		otherwise   time.Duration
		least, most time.Duration
	}{
		{"time", &j.Time, 0, time.Millisecond, MaxTime},
		{"linger", &j.Linger, time.Second, 0, maxLinger},
		{"wait", &j.Wait, 10 * time.Second, 0, MaxTime},
		{"catch_up", &j.CatchUp, j.punctual(time.Millisecond), time.Microsecond, time.Minute},
	} {
		if *d.v == 0 {
			*d.v = Duration(d.otherwise)
		}
		if t := time.Duration(*d.v); t < d.least || t > d.most {
			return j, fmt.Errorf("%s of %v, want %v to %v", d.what, t, d.least, d.most)
		}
	}
	if i := j.Interval; i < 0 || i > 0 && (i < Duration(time.Millisecond) || j.Time/i >= maxIntervals) {
		return j, fmt.Errorf("interval of %v, want at least 1ms and at most %d in %v", time.Duration(i), maxIntervals, time.Duration(j.Time))
	}
	if j.Spare == 0 {
		j.Spare = maxSkipped
	}
	if !(j.Spare > 0 && j.Spare <= 0.1) {
		return j, fmt.Errorf("a share of %v to spare, want 0 to 0.1", j.Spare)
	}
	if len(j.CPUs) > 2 {
		return j, fmt.Errorf("%d CPUs, want at most 2", len(j.CPUs))
	}
	for _, c := range j.CPUs {
		if c < 0 || c >= cpu.MaxCPUs {
			return j, fmt.Errorf("CPU %d, want 0 to %d", c, cpu.MaxCPUs-1)
		}
	}
	if len(j.Streams) < 1 || len(j.Streams) > sink.MaxStreams {
		return j, fmt.Errorf("%d streams, want 1 to %d", len(j.Streams), sink.MaxStreams)
	}
	var errs []error
	captures := make(map[string]bool)
	for i, s := range j.Streams {
		if err := s.check(j.Time); err != nil {
			errs = append(errs, fmt.Errorf("stream %d: %w", i, err))
		}
		if s.Capture == nil {
			continue
		}
		if captures[s.To] {
			errs = append(errs, fmt.Errorf("stream %d: another capture goes to port %q, and captured frames do not say whose they are", i, s.To))
		}
		captures[s.To] = true
	}
	return j, errors.Join(errs...)
}

// restSlack is how late frames may be where the generator rests.
const restSlack = 10 * time.Millisecond

// punctual returns how late frames may be: so late, or more where the generator rests.
func (j *Job) punctual(d time.Duration) time.Duration {
	if j.Rest {
		return restSlack
	}
	return d
}

// check reports what is wrong with a stream, its frames aside.
func (s *Stream) check(whole Duration) error {
	switch {
	case s.After < 0 || s.After >= whole:
		return fmt.Errorf("begins after %v, want 0 to less than the job's %v", s.After, whole)
	case s.Until != 0 && (s.Until <= s.After || s.Until > whole):
		return fmt.Errorf("ends after %v, want more than the %v after which it begins, and the job's %v at most", s.Until, s.After, whole)
	case s.Rate != 0 && !(s.Rate >= minRate && s.Rate <= maxRate):
		return fmt.Errorf("rate of %v frames a second, want 0 or %v to %v", s.Rate, minRate, maxRate)
	case s.Burst < 0 || s.Burst > maxBurst:
		return fmt.Errorf("burst of %d frames, want 0 to %d", s.Burst, maxBurst)
	case s.Capture != nil && s.To == "":
		return errors.New("a capture without the port it goes to")
	case s.Capture != nil && s.Rate+float64(s.Burst)+float64(s.Count) != 0:
		return errors.New("a capture with rate, burst or count: it has its own times")
	}
	return nil
}

// frames returns how many frames a stream sends in a job of a time; 0: as many as come to pass.
func (s *Stream) frames(t time.Duration) uint64 {
	if s.Rate == 0 {
		return s.Count
	}
	n := uint64(max(1, math.Round(s.Rate*time.Duration(s.ends(Duration(t))-s.After).Seconds())))
	if s.Count > 0 {
		n = min(n, s.Count)
	}
	return n
}

// ends returns how long after the start of a job of a time the stream ends.
func (s *Stream) ends(t Duration) Duration {
	if s.Until > 0 {
		return s.Until
	}
	return t
}

// A Duration is a time as text, such as "1.5s".
type Duration time.Duration

// String writes the time as it is read.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is no time, want one such as 1.5s", text)
	}
	*d = Duration(v)
	return nil
}

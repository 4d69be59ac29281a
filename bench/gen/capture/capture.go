// Package capture sends what a capture holds, frame for frame as it was captured, at its own times or faster.
//
// The frames have no stamps: a sink can count them, and say nothing of their order or latency.
//
// Thread-safety: one goroutine at a time.
package capture

import (
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/culvertdev/culvert/pmd/pcapport"
	"github.com/culvertdev/culvert/ring/frame"
)

// Bounds of what is read: it is kept in memory.
const (
	MaxFrames = 10_000_000
	MaxBytes  = 1 << 30
	maxRepeat = 1_000_000
	maxSpeed  = 1000
)

// ethernet is the least a frame has, in bytes.
const ethernet = 14

// A Spec says what to send.
type Spec struct {
	Path   string  `json:"path"`             // pcap or pcapng, as it is or compressed by gzip
	Speed  float64 `json:"speed,omitempty"`  // times as fast as it was captured; default 1
	Repeat int     `json:"repeat,omitempty"` // times it is sent; default 1
}

// A Capture is one that has been read.
type Capture struct {
	Spec
	bytes   []byte
	ends    []int           // of each frame in bytes
	times   []time.Duration // of each frame from the first, at the speed asked for
	longest int
	next    int // frame
	sent    uint64
}

// Read reads a capture. Frames that were not captured to their end are an error: they could not be sent as they were.
func Read(s Spec) (*Capture, error) {
	if s.Speed == 0 {
		s.Speed = 1
	}
	if s.Repeat == 0 {
		s.Repeat = 1
	}
	if math.IsNaN(s.Speed) || s.Speed < 1/maxSpeed || s.Speed > maxSpeed || s.Repeat < 1 || s.Repeat > maxRepeat {
		return nil, fmt.Errorf("capture %s: speed %v and repeat %d, want 1/%d to %d and 1 to %d", s.Path, s.Speed, s.Repeat, maxSpeed, maxSpeed, maxRepeat)
	}
	in, err := pcapport.OpenCapture(s.Path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	c := &Capture{Spec: s}
	var start time.Time
	for {
		r, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if len(c.ends) == 0 {
			start = r.Time
		}
		if err := c.add(r, r.Time.Sub(start)); err != nil {
			return nil, fmt.Errorf("capture %s: frame %d: %w", s.Path, len(c.ends)+1, err)
		}
	}
	if len(c.ends) == 0 {
		return nil, fmt.Errorf("capture %s: no frames", s.Path)
	}
	return c, nil
}

// add keeps a frame. One with a time before that of the frame in front, or without one, is sent with that frame.
func (c *Capture) add(r pcapport.Record, at time.Duration) error {
	switch {
	case len(r.Data) < r.Length:
		return fmt.Errorf("%d bytes of %d were captured", len(r.Data), r.Length)
	case len(r.Data) < ethernet:
		return fmt.Errorf("%d bytes, want at least %d", len(r.Data), ethernet)
	case len(c.ends) == MaxFrames || len(c.bytes)+len(r.Data) > MaxBytes:
		return fmt.Errorf("want at most %d frames with %d bytes", MaxFrames, MaxBytes)
	}
	at = time.Duration(float64(at) / c.Speed)
	if n := len(c.times); n > 0 {
		at = max(at, c.times[n-1])
	}
	c.bytes = append(c.bytes, r.Data...)
	c.ends = append(c.ends, len(c.bytes))
	c.times = append(c.times, at)
	c.longest = max(c.longest, len(r.Data))
	return nil
}

// Times returns when each frame is to be sent, from the first, in ascending order. The slice is the capture's.
func (c *Capture) Times() []time.Duration { return c.times }

// alone is how long a pass takes all of whose frames have one time, such as that of a single one: nothing says how often they come.
const alone = time.Millisecond

// Period returns how long after the beginning of a pass the next one begins: it follows as frames do on average. Where all have one time it is a
// millisecond at the speed of the capture.
func (c *Capture) Period() time.Duration {
	last := c.times[len(c.times)-1]
	if last == 0 {
		return time.Duration(float64(alone) / c.Speed)
	}
	return last + last/time.Duration(len(c.times)-1)
}

// Longest returns the size in bytes of the longest frame.
func (c *Capture) Longest() int { return c.longest }

// Sequence returns how many frames were made.
func (c *Capture) Sequence() uint64 { return c.sent }

// Fill appends up to n frames to b, as many as it has room for and c has buffers, and returns how many. After the last
// one of the capture the first comes again.
func (c *Capture) Fill(cache *frame.Cache, b *frame.Batch, n int, _ int64) int {
	n = min(n, b.Room())
	for i := range n {
		from := 0
		if c.next > 0 {
			from = c.ends[c.next-1]
		}
		f, ok := cache.FromBytes(c.bytes[from:c.ends[c.next]])
		if !ok {
			return i
		}
		b.Append(f)
		c.sent++
		if c.next++; c.next == len(c.ends) {
			c.next = 0
		}
	}
	return n
}

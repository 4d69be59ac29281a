package pcapport

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/culvertdev/culvert/pmd/bell"
	"github.com/culvertdev/culvert/ring"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
)

// How long the reader sleeps when the ring is full or the arena empty: as often as it finds no
// change, twice as long.
const (
	minWait = 20 * time.Microsecond
	maxWait = time.Millisecond
)

// errStopped ends reading when the port is closed.
var errStopped = errors.New("port is closed")

// A reader turns a file's packets into frames.
//
// Thread-safety: run is the goroutine's; frames, bell and finished are shared with the receive queue.
type reader struct {
	name     string
	file     *os.File
	first    capture // opened by newReader, used for the first pass
	loops    int     // passes left; below 0 without end
	timing   bool
	cache    *frame.Cache
	frames   *ring.SPSC[frame.Frame]
	bell     bell.Bell
	finished atomic.Bool // nothing more will be pushed
	counters *counter.Block
	stop     chan struct{}
	timer    *time.Timer // sleep's
	packet   int         // number of the packet in the file, from 1
}

// newReader opens the file o names and reads its header.
func newReader(o Options) (*reader, error) {
	r := &reader{
		name: o.In, loops: o.Loop, timing: o.Timing, stop: make(chan struct{}),
		frames:   ring.NewSPSC[frame.Frame](o.RingSize),
		counters: counter.NewBlock(readerCounters()),
		timer:    time.NewTimer(0),
	}
	if err := r.bell.Open(); err != nil {
		return nil, err
	}
	if o.In == "" {
		r.finished.Store(true)
		return r, nil
	}
	if err := r.open(o.Pool); err != nil {
		return nil, errors.Join(fmt.Errorf("read %s: %w", o.In, err), r.close())
	}
	return r, nil
}

func (r *reader) open(pool *frame.Pool) (err error) {
	if r.file, err = os.Open(r.name); err != nil {
		return errors.Unwrap(err) // the path error repeats the name
	}
	if r.first, err = newCapture(r.file); err != nil {
		return err
	}
	r.cache, err = pool.NewCache()
	return err
}

// close gives back what the reader holds; run has returned, or never ran.
func (r *reader) close() error {
	err := r.bell.Close()
	if r.cache != nil {
		for f, ok := r.frames.Pop(); ok; f, ok = r.frames.Pop() {
			r.cache.Put(f)
		}
		r.cache.Close()
	}
	if r.file != nil {
		err = errors.Join(err, r.file.Close())
	}
	return err
}

// run reads until the last pass is over, the port is closed or the file turns out to be malformed,
// which is the error it returns.
func (r *reader) run() error {
	defer r.finished.Store(true)
	for c := r.first; r.loops != 0; r.loops-- {
		if c == nil {
			var err error
			if c, err = r.rewind(); err != nil {
				return fmt.Errorf("read %s again: %w", r.name, err)
			}
		}
		err := r.pass(c)
		switch {
		case errors.Is(err, errStopped):
			return nil
		case err != nil:
			return fmt.Errorf("read %s: packet %d: %w", r.name, r.packet, err)
		case r.packet == 1: // no packets: reading again brings none either
			return nil
		}
		c = nil
	}
	return nil
}

func (r *reader) rewind() (capture, error) {
	if _, err := r.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return newCapture(r.file)
}

// pass delivers every packet of c.
func (r *reader) pass(c capture) error {
	var began, first time.Time
	for r.packet = 1; ; r.packet++ {
		rec, err := c.next()
		if err == io.EOF { // as it is: a wrapped one is an error of something inside
			return nil
		}
		if err != nil {
			return noEOF(err)
		}
		if r.timing && !rec.at.IsZero() {
			if first.IsZero() {
				began, first = time.Now(), rec.at
			}
			if err := r.sleep(rec.at.Sub(first) - time.Since(began)); err != nil {
				return err
			}
		}
		if err := r.deliver(rec); err != nil {
			return err
		}
	}
}

// deliver copies a packet into the arena and pushes it, waiting for room where there is none.
func (r *reader) deliver(rec record) error {
	defer r.counters.Publish()
	r.counters.Add(readPackets, 1)
	if rec.full > len(rec.data) {
		r.counters.Add(readSnapped, 1)
	}
	pool := r.cache.Pool()
	if len(rec.data) > min(frame.MaxChain, pool.Buffers())*pool.Room() {
		r.counters.Add(readTooLong, 1)
		return r.sleep(0)
	}
	f, ok := r.cache.FromBytes(rec.data)
	for wait := minWait; !ok; wait = min(2*wait, maxWait) {
		r.counters.Add(readNoBuffer, 1)
		r.counters.Publish()
		if err := r.sleep(wait); err != nil {
			return err
		}
		f, ok = r.cache.FromBytes(rec.data)
	}
	for wait := minWait; !r.frames.Push(f); wait = min(2*wait, maxWait) {
		if err := r.sleep(wait); err != nil {
			r.cache.Put(f)
			return err
		}
	}
	r.bell.Ring()
	return r.sleep(0)
}

// sleep waits for d, not at all when it is below 1, and returns errStopped when the port is closed.
func (r *reader) sleep(d time.Duration) error {
	if d <= 0 {
		select {
		case <-r.stop:
			return errStopped
		default:
			return nil
		}
	}
	r.timer.Reset(d)
	defer r.timer.Stop()
	select {
	case <-r.stop:
		return errStopped
	case <-r.timer.C:
		return nil
	}
}

package memport

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/culvertdev/culvert/pmd/bell"
	"github.com/culvertdev/culvert/ring"
	"github.com/culvertdev/culvert/ring/frame"
)

// A wire is one direction of one queue.
type wire struct {
	frames *ring.SPSC[frame.Frame]
	bell   bell.Bell
}

// A link is what lies between two ends: for each end and queue the wire on which that end receives.
// It lives as long as either end is open.
//
// An end that closes empties the wires it receives on. Its peer, which does not stop for that, may
// put a last batch there afterwards; those frames wait for the next end to open, or for the second
// end to close, and are freed then. So no lock is needed between the two.
type link struct {
	pool   *frame.Pool
	queues int
	size   int // frames per wire
	in     [2][]wire
	up     [2]atomic.Bool // end i receives: read by the other end's senders, per batch

	mu     sync.Mutex
	joined [2]bool
}

func newLink(o Options) (*link, error) {
	l := &link{pool: o.Pool, queues: o.Queues, size: o.RingSize}
	for end := range l.in {
		l.in[end] = make([]wire, o.Queues)
	}
	for end := range l.in {
		for q := range l.in[end] {
			w := &l.in[end][q]
			w.frames = ring.NewSPSC[frame.Frame](o.RingSize)
			if err := w.bell.Open(); err != nil {
				return nil, errors.Join(err, l.destroy())
			}
		}
	}
	return l, nil
}

// join makes end an open one. It frees by way of c.
func (l *link) join(end int, o Options, c *frame.Cache) error {
	if o.Queues != l.queues || o.RingSize != l.size {
		return fmt.Errorf("its other end has %d queues of %d frames, this one %d of %d",
			l.queues, l.size, o.Queues, o.RingSize)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.joined[end] {
		return ErrTaken
	}
	l.drain(end, c)
	l.joined[end] = true
	l.up[end].Store(true)
	return nil
}

// leave closes end, which must be open, and reports whether it was the last. It frees by way of c.
func (l *link) leave(end int, c *frame.Cache) (last bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.up[end].Store(false)
	l.joined[end] = false
	l.drain(end, c)
	if l.joined[1-end] {
		return false, nil
	}
	l.drain(1-end, c)
	return true, l.destroy()
}

// drain frees what waits for end. Nobody else may be receiving there.
func (l *link) drain(end int, c *frame.Cache) {
	for q := range l.in[end] {
		for {
			f, ok := l.in[end][q].frames.Pop()
			if !ok {
				break
			}
			c.Put(f)
		}
	}
}

// destroy closes the descriptors.
func (l *link) destroy() error {
	var err error
	for end := range l.in {
		for q := range l.in[end] {
			err = errors.Join(err, l.in[end][q].bell.Close())
		}
	}
	return err
}

// Package cable is a stand-in for a switch in tests of generators: two vhost-user ports that are joined, or not.
package cable

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost"
)

// A Cable runs between two sockets at which guests listen.
//
// Thread-safety: all methods are safe for concurrent use, but Spoil is set before.
type Cable struct {
	Joined atomic.Bool         // packets pass; else they are dropped
	Spoil  func(packet []byte) // is done to each packet that passes; nil: nothing

	pool   *frame.Pool
	cache  *frame.Cache
	ports  [2]*vhost.Port
	ending atomic.Bool
	ended  sync.WaitGroup
}

// Connect connects the cable to the sockets. Close ends it.
func (w *Cable) Connect(sockets [2]string) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Close())
		}
	}()
	if w.pool, err = frame.NewPool(frame.Options{Buffers: 4096, Huge: frame.HugeNever}); err != nil {
		return err
	}
	if w.cache, err = w.pool.NewCache(); err != nil {
		return err
	}
	for i, path := range sockets {
		if w.ports[i], err = vhost.Open("switch", vhost.Options{Pool: w.pool, Path: path, Gather: -1}); err != nil {
			return err
		}
	}
	w.ended.Go(func() {
		for !w.ending.Load() {
			w.pass(w.ports[0], w.ports[1])
			w.pass(w.ports[1], w.ports[0])
			time.Sleep(10 * time.Microsecond) // leaves the guests a CPU where there is but one
		}
	})
	return nil
}

// Forward takes rules as a switch does: what drops is no rule to forward by.
func (w *Cable) Forward(rules ...string) error {
	w.Joined.Store(rules[0] != "actions=drop")
	return nil
}

// pass takes a batch from one port to the other.
func (w *Cable) pass(from, to *vhost.Port) {
	var b frame.Batch
	if from.RxQueues()[0].Recv(&b) == 0 {
		return
	}
	if !w.Joined.Load() {
		w.cache.PutBatch(&b)
		return
	}
	if w.Spoil != nil {
		for _, f := range b.Frames() {
			w.Spoil(w.pool.Bytes(f))
		}
	}
	q := to.TxQueues()[0]
	q.Send(&b)
	q.Flush()
}

// Close disconnects it.
func (w *Cable) Close() error {
	w.ending.Store(true)
	w.ended.Wait()
	var errs []error
	for _, p := range w.ports {
		if p != nil {
			errs = append(errs, p.Close())
		}
	}
	if w.cache != nil {
		w.cache.Close()
	}
	if w.pool != nil {
		errs = append(errs, w.pool.Close())
	}
	return errors.Join(errs...)
}

package frontend_test

import (
	"encoding/binary"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost"
	"github.com/culvertdev/culvert/vhost/frontend"
)

// TestEitherSideMayRestartUnderLoad has Culvert's own back end send everything back, and ends one side or the other in the
// middle of it, again and again. What comes back is in order and comes once; after each restart packets go round
// again; every frame comes home on both sides.
func TestEitherSideMayRestartUnderLoad(t *testing.T) {
	for name, o := range map[string]frontend.Options{
		"packed":                         {},
		"split":                          {Split: true},
		"packed, client":                 {Client: true},
		"split, no inflight":             {Split: true, NoInflight: true},
		"split, out of order, two pairs": {Split: true, NoInOrder: true, Queues: 2},
		"packed, by flags, two pairs":    {NoEventIndex: true, Queues: 2},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLoop(t, o)
			rounds := 6
			if testing.Short() {
				rounds = 2
			}
			for i := range rounds {
				l.proceed(2000)
				if i%2 == 0 {
					l.back.restart()
				} else {
					l.front.restart()
				}
			}
			l.proceed(2000)
			l.front.stop()
			l.back.stop()
		})
	}
}

// A side is a port whose queues a goroutine serves, and which is closed and opened again.
type side struct {
	t    *testing.T
	open func() (pmd.Port, error)
	poll func(pmd.Port) (busy bool)
	end  chan struct{}
	wg   sync.WaitGroup
}

func (s *side) start() {
	s.t.Helper()
	port, err := s.open()
	if err != nil {
		s.t.Fatal(err)
	}
	s.end = make(chan struct{})
	s.wg.Go(func() {
		for {
			select {
			case <-s.end:
				if err := port.Close(); err != nil {
					s.t.Error(err)
				}
				return
			default:
			}
			if !s.poll(port) {
				time.Sleep(20 * time.Microsecond) // the other side and the sessions want the CPUs, too
			}
		}
	})
}

func (s *side) stop() {
	close(s.end)
	s.wg.Wait()
}

func (s *side) restart() {
	s.t.Helper()
	s.stop()
	s.start()
}

// A loop is a front end that sends numbered packets, and a back end that returns them.
type loop struct {
	t           *testing.T
	front, back *side
	pools       [2]*frame.Pool
	cache       *frame.Cache
	batch, echo frame.Batch
	next        uint32 // number to send next
	mu          sync.Mutex
	last        []int64 // by pair: number received last
	count       int     // received
}

func newLoop(t *testing.T, o frontend.Options) *loop {
	l := &loop{t: t}
	for i := range l.pools {
		pool, err := frame.NewPool(frame.Options{Buffers: 4096, Huge: frame.HugeNever, Audit: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := pool.Close(); err != nil {
				t.Error(err)
			}
		})
		l.pools[i] = pool
	}
	dir, err := os.MkdirTemp("", "vhost")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if l.cache, err = l.pools[0].NewCache(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.cache.Close)
	o.Pool, o.Path, o.RingSize = l.pools[0], dir+"/s", 256
	pairs := max(1, o.Queues)
	l.last = make([]int64, pairs)
	for i := range l.last {
		l.last[i] = -1
	}
	l.front = &side{t: t, poll: l.generate, open: func() (pmd.Port, error) { return frontend.Open("guest", o) }}
	l.back = &side{t: t, poll: l.reflect, open: func() (pmd.Port, error) {
		return vhost.Open("switch", vhost.Options{Pool: l.pools[1], Path: o.Path, Server: o.Client, Queues: pairs})
	}}
	l.front.start()
	l.back.start()
	return l
}

// generate sends numbered packets and looks at those that come back.
func (l *loop) generate(p pmd.Port) (busy bool) {
	for i, tx := range p.TxQueues() {
		l.cache.Fill(&l.batch, 16)
		for k := range l.batch.Frames() {
			f := &l.batch.Frames()[k]
			l.pools[0].SetLen(f, 60)
			binary.BigEndian.PutUint32(l.pools[0].Bytes(*f), l.next)
			l.next++
		}
		tx.Send(&l.batch)
		tx.Flush()
		if n := p.RxQueues()[i].Recv(&l.batch); n > 0 {
			l.check(i)
			busy = true
		}
		l.cache.PutBatch(&l.batch)
	}
	return busy
}

// check looks at what was received by a pair.
func (l *loop) check(pair int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.batch.Frames() {
		n := int64(binary.BigEndian.Uint32(l.pools[0].Bytes(f)))
		if n <= l.last[pair] {
			l.t.Errorf("pair %d: packet %d comes behind %d", pair, n, l.last[pair])
		}
		l.last[pair] = n
		l.count++
	}
}

// reflect sends back what the switch's side receives.
func (l *loop) reflect(p pmd.Port) (busy bool) {
	for i, rx := range p.RxQueues() {
		if rx.Recv(&l.echo) > 0 {
			p.TxQueues()[i].Send(&l.echo)
			p.TxQueues()[i].Flush()
			busy = true
		}
	}
	return busy
}

// proceed waits until n more packets have come back.
func (l *loop) proceed(n int) {
	l.t.Helper()
	received := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.count
	}
	start := received()
	for end := time.Now().Add(time.Minute); received() < start+n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			l.t.Fatalf("%d of %d packets came back in a minute", received()-start, n)
		}
	}
}

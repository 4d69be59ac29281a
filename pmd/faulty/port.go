package faulty

import (
	"sync"
	"sync/atomic"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
)

// A Port is another one with faults. The counters of its queues are the other's: they count what the
// device did. Samples has the faults.
//
// Thread-safety: as [pmd.Port] says.
type Port struct {
	pmd.Port
	faults    Faults
	down      atomic.Int32  // queues whose draw holds the link down
	stopped   atomic.Bool   // by FailAfter
	frames    atomic.Uint64 // delivered by all queues
	rx        []*rxQueue
	tx        []*txQueue
	rxs       []pmd.RxQueue
	txs       []pmd.TxQueue
	rxCounts  []*counter.Block
	txCounts  []*counter.Block
	done      chan struct{}
	fail      chan struct{} // closed by the fault
	failOnce  sync.Once
	closing   chan struct{}
	closeOnce sync.Once
	closeErr  error
	watch     sync.WaitGroup
}

func wrap(inner pmd.Port, pool *frame.Pool, faults Faults) (*Port, error) {
	p := &Port{
		Port: inner, faults: faults,
		done: make(chan struct{}), fail: make(chan struct{}), closing: make(chan struct{}),
	}
	for i, q := range inner.RxQueues() {
		m, err := p.newMangler(pool, faults.Rx, uint64(2*i), rxCounters())
		if err != nil {
			p.closeQueues()
			return nil, err
		}
		p.rx = append(p.rx, &rxQueue{RxQueue: q, mangler: m, port: p})
		p.rxs = append(p.rxs, p.rx[i])
		p.rxCounts = append(p.rxCounts, m.counts)
	}
	for i, q := range inner.TxQueues() {
		m, err := p.newMangler(pool, faults.Tx, uint64(2*i+1), txCounters())
		if err != nil {
			p.closeQueues()
			return nil, err
		}
		p.tx = append(p.tx, &txQueue{TxQueue: q, mangler: m, port: p})
		p.txs = append(p.txs, p.tx[i])
		p.txCounts = append(p.txCounts, m.counts)
	}
	p.watch.Go(p.follow)
	return p, nil
}

func (p *Port) newMangler(pool *frame.Pool, d Direction, stream uint64, desc []counter.Desc) (mangler, error) {
	c, err := pool.NewCache()
	if err != nil {
		return mangler{}, err
	}
	return mangler{
		Direction: d, dice: newDice(p.faults.Seed, stream),
		pool: pool, cache: c, counts: counter.NewBlock(desc),
	}, nil
}

// follow closes done when the fault or the inner port asks for it.
func (p *Port) follow() {
	select {
	case <-p.fail:
		close(p.done)
	case <-p.Port.Done():
		close(p.done)
	case <-p.closing:
	}
}

// delivered counts frames towards FailAfter.
func (p *Port) delivered(n int) {
	if p.faults.FailAfter == 0 || n == 0 {
		return
	}
	if p.frames.Add(uint64(n)) >= p.faults.FailAfter {
		p.failOnce.Do(func() {
			p.stopped.Store(true)
			close(p.fail)
		})
	}
}

// RxQueues implements pmd.Port.
func (p *Port) RxQueues() []pmd.RxQueue { return p.rxs }

// TxQueues implements pmd.Port.
func (p *Port) TxQueues() []pmd.TxQueue { return p.txs }

// LinkUp implements pmd.Port.
func (p *Port) LinkUp() bool { return p.down.Load() == 0 && p.Port.LinkUp() }

// Done implements pmd.Port.
func (p *Port) Done() <-chan struct{} { return p.done }

// Err implements pmd.Port: ErrInjected, or what stopped the inner port.
func (p *Port) Err() error {
	if p.stopped.Load() {
		return ErrInjected
	}
	return p.Port.Err()
}

// Samples implements pmd.Port: the inner port's, then one counter for each fault.
func (p *Port) Samples(dst []counter.Sample) []counter.Sample {
	dst = p.Port.Samples(dst)
	dst = append(dst, samples(p.rxCounts)...)
	return append(dst, samples(p.txCounts)...)
}

// Close implements pmd.Port.
func (p *Port) Close() error {
	p.closeOnce.Do(func() {
		close(p.closing)
		p.watch.Wait()
		p.closeQueues()
		p.closeErr = p.Port.Close()
	})
	return p.closeErr
}

func (p *Port) closeQueues() {
	for _, q := range p.rx {
		q.feed()
		q.close()
	}
	for _, q := range p.tx {
		q.close()
	}
}

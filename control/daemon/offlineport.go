package daemon

import (
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
)

// An offlinePort stands in for a device: it receives nothing by itself and gives what it is to send to its owner.
// Unlike a device it takes packets of any length.
type offlinePort struct {
	name     string
	pool     *frame.Pool
	cache    *frame.Cache
	send     func(port string, packet []byte) // packet is valid during the call
	counters *counter.Block
	packet   []byte // scratch
	done     chan struct{}
	closed   bool
}

func newOfflinePort(name string, pool *frame.Pool, send func(string, []byte)) (*offlinePort, error) {
	cache, err := pool.NewCache()
	if err != nil {
		return nil, err
	}
	return &offlinePort{
		name: name, pool: pool, cache: cache, send: send,
		counters: counter.NewBlock(pmd.TxCounters()), done: make(chan struct{}),
	}, nil
}

// Info implements pmd.Port.
func (p *offlinePort) Info() pmd.Info { return pmd.Info{Name: p.name, Driver: "offline", NUMA: -1} }

// RxQueues implements pmd.Port: there are none.
func (p *offlinePort) RxQueues() []pmd.RxQueue { return nil }

// TxQueues implements pmd.Port.
func (p *offlinePort) TxQueues() []pmd.TxQueue { return []pmd.TxQueue{p} }

// LinkUp implements pmd.Port.
func (p *offlinePort) LinkUp() bool { return true }

// Done implements pmd.Port.
func (p *offlinePort) Done() <-chan struct{} { return p.done }

// Err implements pmd.Port.
func (p *offlinePort) Err() error { return nil }

// Samples implements pmd.Port.
func (p *offlinePort) Samples(dst []counter.Sample) []counter.Sample { return dst }

// Close implements pmd.Port.
func (p *offlinePort) Close() error {
	if !p.closed {
		p.closed = true
		p.cache.Close()
	}
	return nil
}

// Send implements pmd.TxQueue.
func (p *offlinePort) Send(b *frame.Batch) int {
	n := b.Len()
	for _, f := range b.Frames() {
		p.packet = p.pool.AppendTo(p.packet[:0], f)
		p.counters.Add(pmd.TxBytes, uint64(len(p.packet)))
		if p.send != nil {
			p.send(p.name, p.packet)
		}
	}
	p.counters.Add(pmd.TxPackets, uint64(n))
	p.cache.PutBatch(b)
	return n
}

// Flush implements pmd.TxQueue.
func (p *offlinePort) Flush() (pending bool) { return false }

// Counters implements pmd.TxQueue.
func (p *offlinePort) Counters() *counter.Block { return p.counters }

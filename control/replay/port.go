package replay

import (
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
)

// A port stands in for a device: it receives nothing by itself and gives what it is to send to its owner.
// Unlike a device it takes packets of any length.
type port struct {
	name     string
	pool     *frame.Pool
	cache    *frame.Cache
	send     func(port string, packet []byte) // packet is valid during the call
	counters *counter.Block
	packet   []byte // scratch
	done     chan struct{}
	closed   bool
}

func newPort(name string, pool *frame.Pool, send func(string, []byte)) (*port, error) {
	cache, err := pool.NewCache()
	if err != nil {
		return nil, err
	}
	return &port{
		name: name, pool: pool, cache: cache, send: send,
		counters: counter.NewBlock(pmd.TxCounters()), done: make(chan struct{}),
	}, nil
}

// Info implements pmd.Port.
func (p *port) Info() pmd.Info { return pmd.Info{Name: p.name, Driver: "replay", NUMA: -1} }

// RxQueues implements pmd.Port: there are none.
func (p *port) RxQueues() []pmd.RxQueue { return nil }

// TxQueues implements pmd.Port.
func (p *port) TxQueues() []pmd.TxQueue { return []pmd.TxQueue{p} }

// LinkUp implements pmd.Port.
func (p *port) LinkUp() bool { return true }

// Done implements pmd.Port.
func (p *port) Done() <-chan struct{} { return p.done }

// Err implements pmd.Port.
func (p *port) Err() error { return nil }

// Samples implements pmd.Port.
func (p *port) Samples(dst []counter.Sample) []counter.Sample { return dst }

// Close implements pmd.Port.
func (p *port) Close() error {
	if !p.closed {
		p.closed = true
		p.cache.Close()
	}
	return nil
}

// Send implements pmd.TxQueue.
func (p *port) Send(b *frame.Batch) int {
	n := b.Len()
	for _, f := range b.Frames() {
		p.packet = p.pool.AppendTo(p.packet[:0], f)
		p.counters.Add(pmd.TxBytes, uint64(len(p.packet)))
		p.send(p.name, p.packet)
	}
	p.counters.Add(pmd.TxPackets, uint64(n))
	p.cache.PutBatch(b)
	return n
}

// Flush implements pmd.TxQueue.
func (p *port) Flush() (pending bool) { return false }

// Counters implements pmd.TxQueue.
func (p *port) Counters() *counter.Block { return p.counters }

package replay

import (
	"testing"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
)

// A port gives the test what it is to send.
type port struct {
	name     string
	cache    *frame.Cache
	sent     func(port string, packet []byte)
	counters *counter.Block
}

func newPort(t *testing.T, name string, pool *frame.Pool, sent func(string, []byte)) *port {
	t.Helper()
	cache, err := pool.NewCache()
	if err != nil {
		t.Fatal(err)
	}
	return &port{name, cache, sent, counter.NewBlock(pmd.TxCounters())}
}

func (p *port) Send(b *frame.Batch) int {
	n := b.Len()
	for _, f := range b.Frames() {
		p.sent(p.name, p.cache.Pool().AppendTo(nil, f))
	}
	p.cache.PutBatch(b)
	return n
}

func (p *port) Info() pmd.Info                                { return pmd.Info{Name: p.name} }
func (p *port) RxQueues() []pmd.RxQueue                       { return nil }
func (p *port) TxQueues() []pmd.TxQueue                       { return []pmd.TxQueue{p} }
func (p *port) LinkUp() bool                                  { return true }
func (p *port) Done() <-chan struct{}                         { return nil }
func (p *port) Err() error                                    { return nil }
func (p *port) Samples(dst []counter.Sample) []counter.Sample { return dst }
func (p *port) Close() error                                  { p.cache.Close(); return nil }
func (p *port) Flush() bool                                   { return false }
func (p *port) Counters() *counter.Block                      { return p.counters }

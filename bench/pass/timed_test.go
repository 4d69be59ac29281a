package pass

import (
	"slices"
	"sync/atomic"
	"testing"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/cpu"
	"github.com/culvertdev/culvert/ring/frame"
)

// stages is where a worker spends its cycles on full batches, of which it sees many under load.
type stages struct {
	clock     *cpu.Clock
	in        samples // a receive queue
	between   samples // the switch, its transmit queues left out
	out       samples // a transmit queue
	processed int64   // when the last full batch was received; 0: the batch before was not full
	sending   int64   // cycles spent sending since
}

// samples are the last of many figures.
type samples struct {
	last [4096]atomic.Int64
	n    atomic.Int64
}

func (s *samples) add(v int64) {
	n := s.n.Load()
	s.last[n%int64(len(s.last))].Store(v)
	s.n.Store(n + 1)
}

// report reports the first decile, for each packet of a batch.
func (s *samples) report(b *testing.B, unit string) {
	n := min(int(s.n.Load()), len(s.last))
	if n == 0 {
		return
	}
	all := make([]int64, n)
	for i := range all {
		all[i] = s.last[i].Load()
	}
	slices.Sort(all)
	b.ReportMetric(float64(all[n/10])/frame.MaxBatch, unit)
}

// A timedPort is a port whose queues measure what is spent in them, and between them. It costs the worker some
// fifty cycles a call.
type timedPort struct {
	pmd.Port
	rx *timedRx
	tx *timedTx
}

func (p *timedPort) RxQueues() []pmd.RxQueue { return []pmd.RxQueue{p.rx} }
func (p *timedPort) TxQueues() []pmd.TxQueue { return []pmd.TxQueue{p.tx} }

type timedRx struct {
	pmd.RxQueue
	stages *stages
}

func (q *timedRx) Recv(b *frame.Batch) int {
	s := q.stages
	start := s.clock.Cycles()
	if s.processed != 0 {
		s.between.add(start - s.processed - s.sending)
	}
	n := q.RxQueue.Recv(b)
	s.processed = 0
	if n == frame.MaxBatch {
		s.processed, s.sending = s.clock.Cycles(), 0
		s.in.add(s.processed - start)
	}
	return n
}

type timedTx struct {
	pmd.TxQueue
	stages *stages
}

func (q *timedTx) Send(b *frame.Batch) int {
	s := q.stages
	full := b.Len() == frame.MaxBatch
	start := s.clock.Cycles()
	n := q.TxQueue.Send(b)
	spent := s.clock.Cycles() - start
	s.sending += spent
	if full {
		s.out.add(spent)
	}
	return n
}

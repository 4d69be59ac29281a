package vhost

import (
	"fmt"
	"sync"

	"github.com/culvertdev/culvert/vhost/mem"
	"github.com/culvertdev/culvert/vhost/proto"
	"github.com/culvertdev/culvert/vhost/virtq"
)

// askPage is the number of bytes that a question is about: no IOMMU has smaller pages.
const askPage = 4096

// mostAsked is how many questions are remembered that have no answer. A ring waits for one; more come of rings that are
// stopped and started while they wait.
const mostAsked = 1024

// A question is what is asked about a page: its address, and how it is to be accessed in the bits below.
type question uint64

func questionOf(m virtq.Miss) question { return question(m.Addr&^(askPage-1)) | question(m.Want) }

func (q question) page() uint64       { return uint64(q) &^ (askPage - 1) }
func (q question) access() mem.Access { return mem.Access(q & (askPage - 1)) }

// An asker asks the frontend what I/O virtual addresses stand for (VHOST_USER_BACKEND_IOTLB_MSG), each once until
// there is an answer. It has a goroutine, so that neither a worker nor the session waits for a frontend that
// does not read.
//
// Bounded: a ring waits for one address at a time.
//
// Thread-safety: want is for workers, start and stop for the session, everything else safe for concurrent use.
type asker struct {
	port  *Port
	rings []*ring
	wake  chan struct{}
	done  chan struct{} // closed when the goroutine has ended; nil: there is none

	mu    sync.Mutex
	conn  *proto.Conn           // nil: there is nobody to ask
	asked map[question]struct{} // and not answered
}

func newAsker(p *Port) *asker {
	return &asker{port: p, rings: p.rings, wake: make(chan struct{}, 1), asked: make(map[question]struct{})}
}

// start asks by conn, from now on.
func (a *asker) start(conn *proto.Conn) {
	a.mu.Lock()
	a.conn = conn
	clear(a.asked)
	a.mu.Unlock()
	if a.done == nil {
		a.done = make(chan struct{})
		go a.run()
	}
	a.poke()
}

// stop ends what start began. No ring has the asker any more, and the channel is closed, so that nothing waits for it.
func (a *asker) stop() {
	if a.done != nil {
		close(a.wake)
		<-a.done
	}
}

// want has the frontend asked for what r waits for. It does not block.
func (a *asker) want(r *ring, m virtq.Miss) {
	r.miss.Store(uint64(questionOf(m)))
	a.poke()
}

func (a *asker) poke() {
	select {
	case a.wake <- struct{}{}:
	default: // it is on its way
	}
}

func (a *asker) run() {
	defer close(a.done)
	for range a.wake {
		for _, r := range a.rings {
			if err := a.ask(r); err != nil {
				a.port.fault(err)
				return
			}
		}
	}
}

// ask asks what r waits for, unless that was done already or there is nobody to ask yet.
func (a *asker) ask(r *ring) error {
	q, conn := a.next(r)
	if q == 0 {
		return nil
	}
	a.port.state.missed()
	err := conn.Tell(proto.BackendIOTLB, proto.IOTLB{Address: q.page(), Perm: uint8(q.access()), Type: proto.IOTLBMiss})
	if err != nil && !a.replaced(conn) {
		return fmt.Errorf("ask what address %#x stands for: %w", q.page(), err)
	}
	return nil
}

// replaced reports whether there is another channel by now: what went by the one before is asked again, and that it was closed is no
// fault.
func (a *asker) replaced(conn *proto.Conn) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.conn != conn
}

// next returns what is to be asked for r, 0 for nothing, and notes that it is.
func (a *asker) next(r *ring) (question, *proto.Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	q := question(r.miss.Load())
	if _, again := a.asked[q]; again || q == 0 || a.conn == nil {
		return 0, nil
	}
	if len(a.asked) == mostAsked {
		clear(a.asked) // a frontend that does not answer is asked again
	}
	a.asked[q] = struct{}{}
	return q, a.conn
}

// answered notes that something has been said about the addresses from first to last: nobody waits for them any more.
func (a *asker) answered(first, last uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	within := func(q question) bool { return q.page() <= last && first <= q.page()+askPage-1 }
	for q := range a.asked {
		if within(q) {
			delete(a.asked, q)
		}
	}
	for _, r := range a.rings {
		if within(question(r.miss.Load())) {
			r.miss.Store(0)
		}
	}
}

package nstest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/frame"
)

// A Patch sends what one port receives out of the other, as a worker would, until it is stopped.
//
// Thread-safety: Stop is safe for concurrent use; the rest is the patch's own.
type Patch struct {
	ports   [2]pmd.Port
	batch   frame.Batch
	send    func(q pmd.TxQueue, b *frame.Batch)
	polls   []unix.PollFd
	quit    atomic.Bool
	stopped sync.WaitGroup
}

// Connect patches two ports. send, unless it is nil, sends every batch in place of q.Send. Stop the
// patch before the ports are closed; the end of the test does so in any case.
func Connect(t testing.TB, a, b pmd.Port, send func(q pmd.TxQueue, b *frame.Batch)) *Patch {
	p := &Patch{ports: [2]pmd.Port{a, b}, send: send}
	for _, port := range p.ports {
		for _, q := range port.RxQueues() {
			p.polls = append(p.polls, unix.PollFd{Fd: int32(q.FD()), Events: unix.POLLIN})
		}
	}
	p.stopped.Go(p.run)
	t.Cleanup(p.Stop)
	return p
}

// Stop ends the patch and waits for it.
func (p *Patch) Stop() {
	p.quit.Store(true)
	p.stopped.Wait()
}

func (p *Patch) run() {
	for !p.quit.Load() {
		if p.cycle() > 0 || p.arm() {
			continue
		}
		if _, err := unix.Poll(p.polls, 20); err != nil && err != unix.EINTR {
			time.Sleep(time.Millisecond)
		}
	}
}

// cycle polls every queue once. Queue i of one port leads to queue i of the other, or its last.
func (p *Patch) cycle() int {
	n := 0
	for from, port := range p.ports {
		tx := p.ports[1-from].TxQueues()
		for i, rx := range port.RxQueues() {
			got := rx.Recv(&p.batch)
			if got == 0 {
				continue
			}
			n += got
			q := tx[min(i, len(tx)-1)]
			if p.send != nil {
				p.send(q, &p.batch)
			} else {
				q.Send(&p.batch)
			}
		}
		for _, q := range tx {
			q.Flush()
		}
	}
	return n
}

func (p *Patch) arm() (ready bool) {
	for _, port := range p.ports {
		for _, q := range port.RxQueues() {
			ready = q.Arm() || ready
		}
	}
	return ready
}

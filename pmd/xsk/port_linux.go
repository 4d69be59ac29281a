package xsk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/netdev"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
	"golang.org/x/sys/unix"
)

// A Port is a network device opened by AF_XDP: a program on the device, and a socket per queue.
//
// Thread-safety: methods are safe for concurrent use; each queue belongs to one worker.
type Port struct {
	name string
	pool *frame.Pool
	log  *slog.Logger
	info pmd.Info
	up   atomic.Bool // carrier

	// Set by open, taken down by Close.
	dev     *device
	promisc int // socket, -1: none
	steer   *steering
	queues  []queue
	watch   *netdev.Watcher

	mu     sync.Mutex // guards what follows, and keeps Samples and Close apart
	closed bool
	err    error
	before [2]uint64 // what the device had dropped when it was opened, as deviceTable
	socks  [6]uint64 // what was read last, as kernelTable
	drops  [2]uint64 // what was read last, as deviceTable, without before
	done   chan struct{}
}

// A queue is a socket and its two halves.
type queue struct {
	sock       *socket
	rx         *rxQueue
	tx         *txQueue
	registered bool
	sentinel   *sentinel // of a zero-copy socket
}

var _ pmd.Port = (*Port)(nil)

// open brings the port up; what it got as far as is taken down by Close.
func (p *Port) open(ctx context.Context, c config) error {
	dev, st, err := openDevice(c.device)
	if err != nil {
		return err
	}
	p.dev = dev
	p.up.Store(st.carrier)
	p.before = [2]uint64{st.rxDropped, st.txDropped}
	n, err := c.queueCount(st.channels)
	if err != nil {
		return err
	}
	if c.promisc {
		if p.promisc, err = promiscuous(dev.index); err != nil {
			return err
		}
	}
	var ch choices
	if p.steer, err = attach(c, st, dev.index, n, &ch); err != nil {
		return err
	}
	for i := range n {
		if err := p.openQueue(ctx, c, st, i, &ch); err != nil {
			return err
		}
	}
	ch.queues, ch.channels = n, st.channels
	p.info = pmd.Info{
		Name: p.name, Driver: "xsk", MAC: st.mac, MTU: st.mtu, NUMA: st.numa(),
		PartialChecksums: st.partialChecksums(ch.native),
		Notes:            ch.notes(c, p.pool),
	}
	return p.follow(st)
}

// queueCount returns how many queues to use of a device that has so many.
func (c config) queueCount(channels int) (int, error) {
	switch {
	case c.queues == 0:
		return min(channels, maxQueues), nil
	case c.queues > channels:
		return 0, fmt.Errorf("option %s=%d: want %d at most, the queues that the device receives with",
			OptQueues, c.queues, channels)
	}
	return c.queues, nil
}

// openQueue opens queue i and steers its packets to it.
func (p *Port) openQueue(ctx context.Context, c config, st deviceState, i int, ch *choices) error {
	s, err := newSocket(p.pool, c.ringSize)
	if err != nil {
		return err
	}
	rx, tx, err := newQueues(p.pool, ringMemory{
		fill: s.maps[fillRing], completion: s.maps[completionRing], rx: s.maps[rxRing], tx: s.maps[txRing],
		offsets: s.offsets, slots: c.ringSize,
	}, s, &p.up)
	if err != nil {
		return errors.Join(err, s.close())
	}
	p.queues = append(p.queues, queue{sock: s, rx: rx, tx: tx})
	rx.refill() // a zero-copy driver takes its first buffers when the socket is bound

	fits := st.mtu+ethernetHeader+2*vlanTag <= p.pool.Room()
	ways := c.ways(ch.native, fits)
	if i > 0 {
		ways = []uint16{p.queues[0].sock.flags} // all queues alike
	}
	way, refused, err := s.bind(ctx, p.dev.index, i, ways)
	if err != nil {
		return err
	}
	if i == 0 {
		ch.bound(ways, way, refused)
	}
	if err := p.tune(c, st, &p.queues[i], ch); err != nil {
		return err
	}
	if err := p.steer.Register(i, s.fd); err != nil {
		return fmt.Errorf("steer queue %d to its socket: %w", i, err)
	}
	p.queues[i].registered = true
	return nil
}

// tune sets what follows from how the socket of q was bound.
func (p *Port) tune(c config, st deviceState, q *queue, ch *choices) (err error) {
	s, rx, tx := q.sock, q.rx, q.tx
	if c.busyPoll > 0 {
		if err := s.busyPoll(c.busyPoll); err != nil {
			return fmt.Errorf("option %s: %w", OptBusyPoll, err)
		}
	}
	ch.txBudget = s.setTxBudget(c.ringSize) == nil
	rx.fd, rx.busyPoll = s.fd, c.busyPoll > 0
	tx.mtu, tx.wakeup = st.mtu, s.flags&unix.XDP_USE_NEED_WAKEUP != 0
	if s.flags&unix.XDP_USE_SG != 0 {
		tx.segments = copySegments
	}
	if s.flags&unix.XDP_ZEROCOPY == 0 {
		return nil
	}
	tx.segments = min(tx.segments, zeroCopySegments)
	q.sentinel, err = newSentinel()
	return err
}

// Info implements pmd.Port.
func (p *Port) Info() pmd.Info { return p.info }

// RxQueues implements pmd.Port.
func (p *Port) RxQueues() []pmd.RxQueue {
	qs := make([]pmd.RxQueue, len(p.queues))
	for i, q := range p.queues {
		qs[i] = q.rx
	}
	return qs
}

// TxQueues implements pmd.Port.
func (p *Port) TxQueues() []pmd.TxQueue {
	qs := make([]pmd.TxQueue, len(p.queues))
	for i, q := range p.queues {
		qs[i] = q.tx
	}
	return qs
}

// LinkUp implements pmd.Port: the device is up and has carrier.
func (p *Port) LinkUp() bool { return p.up.Load() }

// Done implements pmd.Port.
func (p *Port) Done() <-chan struct{} { return p.done }

// Err implements pmd.Port.
func (p *Port) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// stop closes done; the first reason is the one that Err tells.
func (p *Port) stop(reason error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = reason
		p.up.Store(false)
		close(p.done)
	}
}

// Samples implements pmd.Port: the kernel's counters of the sockets, summed, and the device's own of
// what it dropped.
func (p *Port) Samples(dst []counter.Sample) []counter.Sample {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.readCounters()
	}
	for i, d := range kernelTable() {
		dst = append(dst, counter.Sample{Desc: d, Value: p.socks[i]})
	}
	for i, d := range deviceTable() {
		dst = append(dst, counter.Sample{Desc: d, Value: p.drops[i]})
	}
	return dst
}

// readCounters asks the kernel. What it does not tell any more, since the device is gone, stays. p.mu is
// held.
func (p *Port) readCounters() {
	var sum [6]uint64
	for _, q := range p.queues {
		st, err := statistics(q.sock.fd)
		if err != nil {
			continue
		}
		for i, v := range kernelValues(st) {
			sum[i] += v
		}
	}
	for i, v := range sum {
		p.socks[i] = max(p.socks[i], v)
	}
	if st, err := p.dev.state(); err == nil {
		for i, v := range [2]uint64{st.rxDropped, st.txDropped} {
			p.drops[i] = max(p.drops[i], v-min(v, p.before[i]))
		}
	}
}

// Close implements pmd.Port.
func (p *Port) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true
	p.mu.Unlock()

	if p.watch != nil {
		p.watch.Close()
	}
	p.drain()
	var errs []error
	if p.steer != nil {
		errs = append(errs, p.steer.detach())
		for i, q := range p.queues {
			if q.registered {
				errs = append(errs, p.steer.Unregister(i))
			}
		}
		errs = append(errs, p.steer.Close())
	}
	for i, q := range p.queues {
		errs = append(errs, q.sock.close())
		if q.sentinel != nil {
			q.sentinel.await(p.dev.index, i)
		}
		q.rx.close()
		q.tx.close()
	}
	if p.promisc >= 0 {
		errs = append(errs, unix.Close(p.promisc))
	}
	if p.dev != nil {
		p.dev.close()
	}
	return errors.Join(errs...)
}

// drain gives frames on their way out a moment: a device that sends from the arena itself would
// otherwise send what the buffer's next owner writes.
func (p *Port) drain() {
	const patience = 100 * time.Millisecond
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		waiting := false
		for _, q := range p.queues {
			pending := q.tx.Flush()
			waiting = waiting || pending || q.tx.inFlight() > 0
		}
		if !waiting {
			return
		}
	}
}

package afpacket

import (
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/netdev"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
)

// A Port is a network device by packet sockets.
//
// Thread-safety: as [pmd.Port] says.
type Port struct {
	info  pmd.Info
	takes pmd.Takes
	log   *slog.Logger
	dev   *netdev.Device
	fds   []int
	rx    []*rxQueue
	tx    []*txQueue
	rxs   []pmd.RxQueue
	txs   []pmd.TxQueue

	pmd.Life

	mu      sync.Mutex
	dropped uint64 // by the kernel, so far: reading its counter sets that to 0
}

func open(name string, o Options) (*Port, error) {
	p := &Port{log: o.Log.With("port", name, "driver", DriverName)}
	if err := p.open(name, o); err != nil {
		return nil, errors.Join(err, p.release())
	}
	return p, nil
}

func (p *Port) open(name string, o Options) (err error) {
	if p.dev, err = netdev.Open(o.Device); err != nil {
		return err
	}
	for range o.Queues {
		fd, err := openSocket(p.dev.Index(), o.Backlog, !o.Selective)
		if err != nil {
			return err
		}
		p.fds = append(p.fds, fd)
		if err := p.addQueue(o.Pool, fd); err != nil {
			return err
		}
	}
	for _, fd := range p.fds {
		if err := bind(fd, p.dev.Index()); err != nil {
			return err
		}
	}
	if err := fanout(p.fds); err != nil {
		return err
	}
	p.takes.Set(takes(release()))
	p.info = pmd.Info{
		Name: name, Driver: DriverName, MAC: p.dev.MAC(), MTU: p.dev.MTU(), NUMA: -1, Takes: &p.takes,
		Notes: []pmd.Note{
			{Key: "device", Value: o.Device},
			{Key: "queues", Value: strconv.Itoa(o.Queues)},
			{Key: "host", Value: "receives too", Reason: "packet sockets take copies; take the addresses off the device"},
		},
	}
	return p.dev.Follow(p.log, p.fail)
}

func (p *Port) addQueue(pool *frame.Pool, fd int) error {
	c, err := pool.NewCache()
	if err != nil {
		return err
	}
	rx := newRxQueue(p, fd, c)
	p.rx, p.rxs = append(p.rx, rx), append(p.rxs, rx)
	if c, err = pool.NewCache(); err != nil {
		return err
	}
	tx := newTxQueue(p, fd, p.dev.MTU(), c)
	p.tx, p.txs = append(p.tx, tx), append(p.txs, tx)
	return nil
}

// release gives back what open took, all of it or a part.
func (p *Port) release() error {
	if p.dev != nil {
		p.dev.Close()
	}
	for _, q := range p.rx {
		q.close()
	}
	for _, q := range p.tx {
		q.cache.Close()
	}
	var err error
	for _, fd := range p.fds {
		err = errors.Join(err, unix.Close(fd))
	}
	return err
}

// Info implements pmd.Port.
func (p *Port) Info() pmd.Info { return p.info }

// RxQueues implements pmd.Port.
func (p *Port) RxQueues() []pmd.RxQueue { return p.rxs }

// TxQueues implements pmd.Port.
func (p *Port) TxQueues() []pmd.TxQueue { return p.txs }

// LinkUp implements pmd.Port.
func (p *Port) LinkUp() bool { return p.dev.LinkUp() }

// Samples implements pmd.Port.
func (p *Port) Samples(dst []counter.Sample) []counter.Sample {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.Ended() {
		for _, fd := range p.fds {
			if s, err := unix.GetsockoptTpacketStats(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
				p.dropped += uint64(s.Drops)
			}
		}
	}
	return append(dst, kernelCounters(p.dropped)...)
}

// fail stops the port for the reason given, unless it is closed or stopped already: when the device is
// deleted, renamed, or has another address or MTU.
func (p *Port) fail(err error) {
	if p.Stop(err) {
		p.log.Debug("port stopped", "error", err)
	}
}

// Close implements pmd.Port. The device stays as it is.
func (p *Port) Close() error {
	p.mu.Lock() // Samples reads what is closed below
	first := p.End()
	p.mu.Unlock()
	if !first {
		return nil
	}
	if err := p.release(); err != nil { // without the lock: it waits for whoever may call fail
		return fmt.Errorf("close afpacket port %s: %w", p.info.Name, err)
	}
	return nil
}

var _ pmd.Port = (*Port)(nil)

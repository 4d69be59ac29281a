package tap

import (
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/netdev"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
)

// A Port is a TAP device.
//
// Thread-safety: as [pmd.Port] says.
type Port struct {
	info pmd.Info
	log  *slog.Logger
	dev  *netdev.Device
	fds  []int
	rx   []*rxQueue
	tx   []*txQueue
	rxs  []pmd.RxQueue
	txs  []pmd.TxQueue

	pmd.Life

	mu     sync.Mutex
	before [2]uint64 // what the device had dropped when it was opened: from the host, to the host
	drops  [2]uint64 // what was read last, without before
}

func open(name string, o Options) (*Port, error) {
	p := &Port{log: o.Log.With("port", name, "driver", DriverName)}
	if err := p.open(name, o); err != nil {
		return nil, errors.Join(err, p.release())
	}
	return p, nil
}

func (p *Port) open(name string, o Options) (err error) {
	var device string
	if p.fds, device, err = attach(o.Device, o.Queues, o.Persist); err != nil {
		return err
	}
	if p.dev, err = netdev.Open(device); err != nil {
		return err
	}
	p.before = p.dropped()
	if err := p.dev.Set(netdev.Setup{MTU: o.MTU, MAC: o.MAC, Addresses: o.Addresses, Up: !o.Down}); err != nil {
		return err
	}
	for _, fd := range p.fds {
		if err := p.addQueue(o.Pool, fd); err != nil {
			return err
		}
	}
	p.info = pmd.Info{
		Name: name, Driver: DriverName, MAC: p.dev.MAC(), MTU: p.dev.MTU(), NUMA: -1,
		Notes: []pmd.Note{
			{Key: "device", Value: device},
			{Key: "queues", Value: strconv.Itoa(o.Queues)},
			{Key: "offload", Value: "off", Reason: "the kernel completes packets before they are read"},
		},
	}
	return p.dev.Follow(p.log, p.fail)
}

func (p *Port) addQueue(pool *frame.Pool, fd int) error {
	c, err := pool.NewCache()
	if err != nil {
		return err
	}
	size := p.dev.MTU() + tagRoom
	rx := &rxQueue{port: p, fd: fd, vector: newVector(c, size), counters: counter.NewBlock(rxCounters())}
	p.rx, p.rxs = append(p.rx, rx), append(p.rxs, rx)
	if c, err = pool.NewCache(); err != nil {
		return err
	}
	tx := &txQueue{port: p, fd: fd, pool: pool, cache: c, longest: size, counters: counter.NewBlock(txCounters())}
	p.tx, p.txs = append(p.tx, tx), append(p.txs, tx)
	return nil
}

// release gives back what open took, all of it or a part.
func (p *Port) release() error {
	if p.dev != nil {
		p.dev.Close()
	}
	for _, q := range p.rx {
		q.vector.close()
	}
	for _, q := range p.tx {
		q.cache.Close()
	}
	return detach(p.fds)
}

// Info implements pmd.Port. MAC is the address of the host's side.
func (p *Port) Info() pmd.Info { return p.info }

// Device returns the name of the TAP device.
func (p *Port) Device() string { return p.dev.Name() }

// RxQueues implements pmd.Port.
func (p *Port) RxQueues() []pmd.RxQueue { return p.rxs }

// TxQueues implements pmd.Port.
func (p *Port) TxQueues() []pmd.TxQueue { return p.txs }

// LinkUp implements pmd.Port: the host has the device up. A queue may find the device deleted before
// whoever follows it does: a port that has stopped has no link.
func (p *Port) LinkUp() bool {
	select {
	case <-p.Done():
		return false
	default:
		return p.dev.LinkUp()
	}
}

// Samples implements pmd.Port. Of a device that is gone the kernel tells zeros.
func (p *Port) Samples(dst []counter.Sample) []counter.Sample {
	now := p.dropped()
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, v := range now {
		p.drops[i] = max(p.drops[i], v-min(v, p.before[i]))
	}
	return append(dst, deviceCounters(p.drops[0], p.drops[1])...)
}

// dropped returns what the device has dropped from the host and to the host: what it transmits is what
// the host sent.
func (p *Port) dropped() [2]uint64 {
	s := p.dev.Stats()
	return [2]uint64{s.TxDropped, s.RxDropped}
}

// gone stops the port because a queue found the device deleted.
func (p *Port) gone() { p.fail(fmt.Errorf("%s: %w", p.dev.Name(), netdev.ErrGone)) }

// fail stops the port for the reason given, unless it is closed or stopped already: when the device is
// deleted, renamed, or has another address or MTU.
func (p *Port) fail(err error) {
	if p.Stop(err) {
		p.log.Debug("port stopped", "error", err)
	}
}

// Close implements pmd.Port. A device that is not persistent is deleted.
func (p *Port) Close() error {
	if !p.End() {
		return nil
	}
	if err := p.release(); err != nil { // without the lock: it waits for whoever may call fail
		return fmt.Errorf("close tap port %s: %w", p.info.Name, err)
	}
	return nil
}

var _ pmd.Port = (*Port)(nil)

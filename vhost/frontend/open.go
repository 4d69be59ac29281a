package frontend

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/virtq/driver"
)

// Open opens a port. It does not wait for a back end.
func Open(name string, o Options) (*Port, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("open vhost-user port %s: %w", name, err)
	}
	p := &Port{
		o: o, log: o.Log.With("port", name, "driver", DriverName),
		kept: kept{fd: -1}, ended: make(chan struct{}), guarded: make(chan struct{}),
		faults: make(chan error, 1), calls: make(chan *call),
	}
	p.info = pmd.Info{
		Name: name, Driver: DriverName, MAC: o.MAC, MTU: o.MTU, NUMA: -1, Takes: &p.takes,
		Notes: []pmd.Note{{Key: "socket", Value: o.Path}, {Key: "queues", Value: strconv.Itoa(o.Queues)}},
	}
	if err := p.open(); err != nil {
		return nil, fmt.Errorf("open vhost-user port %s: %w", name, errors.Join(err, p.release()))
	}
	return p, nil
}

func (p *Port) open() (err error) {
	for i := range p.ringBytes {
		most := driver.Config{Size: p.o.RingSize, Table: tableOf(i)}
		p.ringBytes[i] = roundUp(max(driver.SplitLayout(most).Bytes, driver.PackedLayout(most).Bytes))
	}
	if p.memory, err = newMemory(p.o.Pool, p.ringAt(2*p.o.Queues)); err != nil {
		return err
	}
	if p.cache, err = p.o.Pool.NewCache(); err != nil {
		return err
	}
	for i := range p.o.Queues {
		if err := p.addPair(i); err != nil {
			return err
		}
	}
	if err := p.listen(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	go p.run(ctx)
	go p.guard()
	return nil
}

// addPair makes queue pair i.
func (p *Port) addPair(i int) error {
	rx := &rxQueue{counters: counter.NewBlock(rxCounters()), longest: p.o.MTU + tagRoom, cache: new(frame.Cache)}
	tx := &txQueue{counters: counter.NewBlock(txCounters()), longest: p.o.MTU + tagRoom, cache: new(frame.Cache)}
	p.rx, p.rxs = append(p.rx, rx), append(p.rxs, rx)
	p.tx, p.txs = append(p.tx, tx), append(p.txs, tx)
	if err := errors.Join(rx.queue.open(p, 2*i), tx.queue.open(p, 2*i+1)); err != nil {
		return err
	}
	for _, c := range []**frame.Cache{&rx.cache, &tx.cache} {
		fresh, err := p.o.Pool.NewCache()
		if err != nil {
			return err
		}
		*c = fresh
	}
	return nil
}

// tableOf returns how many buffers an indirect table of ring index has room for: packets to be sent may have several, and
// then take one entry of the ring.
func tableOf(index int) int {
	if index&1 != 0 {
		return frame.MaxChain
	}
	return 0
}

// ringAt returns where in the memory of rings the one with an index is.
func (p *Port) ringAt(index int) int {
	return index/2*(p.ringBytes[0]+p.ringBytes[1]) + index%2*p.ringBytes[0]
}

// Close implements pmd.Port. The back end is asked to stop the rings first.
func (p *Port) Close() error {
	if !p.End() {
		return nil
	}
	p.cancel()
	<-p.ended
	<-p.guarded
	if err := p.release(); err != nil {
		return fmt.Errorf("close vhost-user port %s: %w", p.info.Name, err)
	}
	return nil
}

// release gives back what open took, all of it or a part. Nobody uses the queues.
func (p *Port) release() error {
	var err error
	if p.cache != nil {
		p.resetRings()
	}
	for i := range p.rx {
		p.rx[i].cache.Close()
		p.tx[i].cache.Close()
		err = errors.Join(err, p.rx[i].close(), p.tx[i].close())
	}
	if p.cache != nil {
		p.cache.Close()
	}
	if p.listener != nil {
		if e := p.listener.Close(); !errors.Is(e, net.ErrClosed) { // connect may have been faster
			err = errors.Join(err, e)
		}
	}
	if p.memory != nil {
		err = errors.Join(err, p.memory.close())
	}
	return err
}

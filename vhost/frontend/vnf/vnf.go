// Package vnf is for network functions: programs that receive packets from a switch by vhost-user, look at them or
// change them in place, and send them on.
//
//	v, err := vnf.New(vnf.Options{})
//	in, err := v.Open("in", frontend.Options{Path: "/run/in.sock"})
//	out, err := v.Open("out", frontend.Options{Path: "/run/out.sock"})
//	err = v.Run(ctx, func(from *vnf.Port, frames []frame.Frame) {
//		for _, f := range frames {
//			if header := v.Bytes(f); allowed(header) { // and may change it
//				out.Send(f)
//			} else {
//				v.Drop(f)
//			}
//		}
//	})
//
// A function has memory of its own, which the switches it is connected to see and nobody else, and one thread, which
// polls all ports while there is traffic and sleeps when there is none. Packets are never copied: a frame names
// the bytes that the switch wrote, and goes back with whatever the function made of them.
//
// Thread-safety: Open and Close are for the program; the handler, and all that it calls, run on the function's thread.
package vnf

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/frontend"
)

// Options configure a function. The zero value of each field picks the default named beside it.
type Options struct {
	Log     *slog.Logger  // default: discard
	Buffers int           // of 2048 bytes; default 16384. Each port's queue pair uses up to two rings' worth
	Pin     bool          // run on CPU alone; default: wherever the kernel likes
	CPU     int           // valid with Pin
	Latency time.Duration // longest that a packet may wait because the function slept; default pmd.DefaultLatency; negative: it never sleeps
}

// A Handler gets packets as they come in by one port, at most frame.MaxBatch. It owns each of them, and hands it on:
// to Port.Send or to VNF.Drop.
type Handler func(from *Port, frames []frame.Frame)

// A VNF is a network function.
type VNF struct {
	o      Options
	pool   *frame.Pool
	cache  *frame.Cache // the thread's
	ports  []*Port
	handle Handler
	worker *pmd.Worker

	publishAt int64 // ns; the thread's
}

// New returns a function without ports.
func New(o Options) (*VNF, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Latency == 0 {
		o.Latency = pmd.DefaultLatency
	}
	pool, err := frame.NewPool(frame.Options{Buffers: o.Buffers})
	if err != nil {
		return nil, fmt.Errorf("network function: %w", err)
	}
	v := &VNF{o: o, pool: pool}
	if v.cache, err = pool.NewCache(); err != nil {
		return nil, fmt.Errorf("network function: %w", errors.Join(err, pool.Close()))
	}
	cpu := -1
	if o.Pin {
		cpu = o.CPU
	}
	v.worker = pmd.NewWorker(pmd.WorkerConfig{CPU: cpu, Latency: max(0, o.Latency), Log: o.Log}, (*processor)(v))
	return v, nil
}

// Open adds a port; the options' Pool and Log are the function's. Before Run.
func (v *VNF) Open(name string, o frontend.Options) (*Port, error) {
	o.Pool, o.Log = v.pool, v.o.Log
	fp, err := frontend.Open(name, o)
	if err != nil {
		return nil, err
	}
	p := &Port{Port: fp, vnf: v, tx: fp.TxQueues()[0]}
	v.ports = append(v.ports, p)
	for _, q := range fp.RxQueues() {
		if err := v.worker.AddQueue(uint32(len(v.ports)-1), q); err != nil {
			return nil, fmt.Errorf("network function: %w", err) // Close closes the port
		}
	}
	return p, nil
}

// Run hands packets to handle until ctx ends. It does not wait for switches: they come and go. The process needs a
// GOMAXPROCS of 3 at least, since the function's thread holds one all the time while there is traffic.
func (v *VNF) Run(ctx context.Context, handle Handler) error {
	v.handle = handle
	if err := v.worker.Start(); err != nil {
		return fmt.Errorf("network function: %w", err)
	}
	<-ctx.Done()
	v.worker.Stop()
	return nil
}

// Close closes all ports and gives the memory back. Not while Run runs.
func (v *VNF) Close() error {
	var err error
	for _, p := range v.ports {
		v.cache.PutBatch(&p.out)
		err = errors.Join(err, p.Port.Close())
	}
	v.cache.Close()
	return errors.Join(err, v.pool.Close())
}

// Bytes returns the packet's bytes, or of one that takes several buffers those in the first, all headers among them:
// the handler may change them. They are valid until f is sent or dropped.
func (v *VNF) Bytes(f frame.Frame) []byte { return v.pool.Bytes(f) }

// Pool returns the function's memory, for whoever needs more than Bytes: room in front of a packet, its length, the
// buffers behind the first.
func (v *VNF) Pool() *frame.Pool { return v.pool }

// New returns a packet that holds a copy of b; ok is false when there is no memory.
func (v *VNF) New(b []byte) (f frame.Frame, ok bool) { return v.cache.FromBytes(b) }

// Copy returns a copy of a packet; ok is false when there is no memory.
func (v *VNF) Copy(f frame.Frame) (dup frame.Frame, ok bool) { return v.cache.Copy(f) }

// Drop ends a packet.
func (v *VNF) Drop(f frame.Frame) { v.cache.Put(f) }

// A Port is one of a function's ports.
type Port struct {
	*frontend.Port
	vnf *VNF
	tx  pmd.TxQueue
	out frame.Batch
}

// Send sends a packet. It leaves when the handler has returned, or when a batch is full; what does not fit into the ring
// is dropped and counted.
func (p *Port) Send(f frame.Frame) {
	if p.out.Room() == 0 {
		p.tx.Send(&p.out)
	}
	p.out.Append(f)
}

// Counters appends what the port has counted so far, published once a millisecond.
func (p *Port) Counters(dst []counter.Sample) []counter.Sample {
	for _, q := range p.RxQueues() {
		dst = q.Counters().Samples(dst)
	}
	dst = p.tx.Counters().Samples(dst)
	return counter.Sum(p.Samples(dst))
}

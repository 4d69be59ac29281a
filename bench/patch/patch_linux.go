// Package patch joins two vhost-user ports by Culvert's worker without the switch between them: what ports and worker
// cost by themselves.
package patch

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/cpu"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost"
)

// A patch sends what one port receives out of the other. It is the Processor of one worker.
type patch struct{ out [2]pmd.TxQueue }

func (p *patch) Process(port uint32, b *frame.Batch) { p.out[1-port].Send(b) }

func (p *patch) Flush(int64) int {
	for _, q := range p.out {
		q.Flush()
	}
	return 0
}

func (p *patch) Park() bool { return false }
func (p *patch) Resume()    {}

// What control/daemon tells the Go runtime, too.
const (
	gcPercent  = 400
	spareProcs = 2
)

// Options of Run.
type Options struct {
	Sockets [2]string // of guests, which listen there
	CPU     int       // of the worker
	Rest    int       // CPU of all else
	// Ask and Answer: for each line read there one is written, in SpentFormat.
	Ask    io.Reader
	Answer io.Writer
}

// Run joins the ports until ctx ends.
func Run(ctx context.Context, o Options) (err error) {
	runtime.GOMAXPROCS(max(runtime.NumCPU(), 1+spareProcs))
	debug.SetGCPercent(gcPercent)
	if err := errors.Join(cpu.Confine(cpu.SetOf(o.Rest)), cpu.ShortSlices()); err != nil {
		return err
	}
	pool, err := frame.NewPool(frame.Options{})
	if err != nil {
		return err
	}
	p := new(patch)
	w := pmd.NewWorker(pmd.WorkerConfig{CPU: o.CPU, Latency: pmd.DefaultLatency}, p)
	ports, err := join(w, p, pool, o.Sockets)
	if err == nil {
		if err = w.Start(); err == nil {
			go answer(w, o)
			<-ctx.Done()
			w.Stop()
		}
	}
	for _, port := range ports {
		for _, q := range port.RxQueues() {
			w.RemoveQueue(q)
		}
		err = errors.Join(err, port.Close())
	}
	return errors.Join(err, pool.Close())
}

// Spent is what the worker spent on packets in poll cycles that received any, in cycles of the time stamp counter.
type Spent struct{ Cycles, Packets uint64 }

// SpentFormat is how Spent is said.
const SpentFormat = "%d cycles for %d packets"

// answer says what the worker has spent.
func answer(w *pmd.Worker, o Options) {
	for lines := bufio.NewScanner(o.Ask); lines.Scan(); {
		s := w.Stats()
		fmt.Fprintf(o.Answer, SpentFormat+"\n", s.BusyCycles, s.Packets)
	}
}

// join opens the ports and gives their receive queues to the worker. ports are those that are open, after an error too.
func join(w *pmd.Worker, p *patch, pool *frame.Pool, sockets [2]string) (ports []pmd.Port, err error) {
	for i, path := range sockets {
		port, err := vhost.Open(fmt.Sprint("vu", i), vhost.Options{Pool: pool, Path: path})
		if err != nil {
			return ports, err
		}
		ports = append(ports, port)
		p.out[i] = port.TxQueues()[0]
		if err := w.AddQueue(uint32(i), port.RxQueues()[0]); err != nil {
			return ports, err
		}
	}
	return ports, nil
}

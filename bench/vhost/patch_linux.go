package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/culvertdev/culvert/bench/contest"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/cpu"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost"
)

// A patch sends what one port receives out of the other: Culvert's ports and worker without the switch between
// them, hence without any look-up. It is the Processor of one worker.
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

// runPatch is the program that the contender of this kind runs: a patch between two sockets, with commas between
// their paths, until it is told to end.
func runPatch(ctx context.Context, sockets string) (err error) {
	runtime.GOMAXPROCS(max(runtime.NumCPU(), 1+spareProcs))
	debug.SetGCPercent(gcPercent)
	if err := cpu.Confine(cpu.SetOf(contest.HostCPU)); err != nil {
		return err
	}
	pool, err := frame.NewPool(frame.Options{})
	if err != nil {
		return err
	}
	p := new(patch)
	w := pmd.NewWorker(pmd.WorkerConfig{CPU: contest.SwitchCPU, Latency: pmd.DefaultLatency}, p)
	ports, err := patched(w, p, pool, sockets)
	if err == nil {
		if err = w.Start(); err == nil {
			answer(w)
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

// spent is what the worker spent on its receive queues' packets, in cycles of the time stamp counter.
type spent struct{ cycles, packets uint64 }

const spentFormat = "%d cycles for %d packets"

// answer says what the worker has spent, for each line on standard input.
func answer(w *pmd.Worker) {
	go func() {
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			var s spent
			for _, q := range w.Stats().Queues {
				s.cycles, s.packets = s.cycles+q.Cycles, s.packets+q.Packets
			}
			fmt.Printf(spentFormat+"\n", s.cycles, s.packets)
		}
	}()
}

// patched opens the ports and gives their receive queues to the worker.
func patched(w *pmd.Worker, p *patch, pool *frame.Pool, sockets string) (ports []pmd.Port, err error) {
	for i, path := range strings.Split(sockets, ",") {
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

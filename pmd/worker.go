package pmd

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/culvertdev/culvert/pmd/cpu"
	"github.com/culvertdev/culvert/pmd/stage"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
)

// DefaultLatency is a latency budget that lets idle workers sleep on most machines: waking up took 25 to
// 50 µs on a quiet virtual machine of two cores, and 1 ms is what a receive ring of 2048 frames rides
// out at 2 Mpps. On that machine with four busy threads beside it waking up took milliseconds; there a
// worker with this budget spins.
const DefaultLatency = time.Millisecond

// errRunning is returned by Start.
var errRunning = errors.New("the worker is running")

// WorkerConfig configures a Worker.
type WorkerConfig struct {
	ID  int // names the worker in logs and statistics
	CPU int // CPU to run on; -1: any
	// Latency is the longest a packet may wait because its worker was asleep. 0 or less: the worker
	// never sleeps. When waking up takes longer than that on this machine, the worker does not sleep
	// either, and says so in Stats and in the log.
	Latency time.Duration
	Clock   *cpu.Clock   // nil: one of its own, calibrated once
	Log     *slog.Logger // nil: none
}

// A Worker polls receive queues from one CPU and feeds a Processor.
//
// It waits for no lock and allocates nothing while it polls, but where the Go runtime has given it another thread. A broken invariant in a queue or processor
// panics, and the panic ends the process: going on would forward packets from memory that is not
// theirs.
//
// The process needs a GOMAXPROCS of at least its workers and two: a worker holds one all the time, and
// one that wakes up has to wait when there is none for it.
//
// Thread-safety: all methods are safe for concurrent use, but not from the Processor, except Wake, ID,
// CPU, Stats and Samples.
type Worker struct {
	cfg   WorkerConfig
	clock *cpu.Clock
	log   *slog.Logger
	proc  Processor

	mu      sync.Mutex // guards this block; held while a call runs on a stopped worker
	running bool
	stop    bool    // running is to end
	calls   []*call // for the worker to run
	done    chan struct{}

	list atomic.Pointer[[]*queue] // queues, as the worker last published them

	ringing sync.Mutex // guards waiter.ring against waiter.close
	waiter  waiter
	rang    atomic.Int64 // ns, when the last Wake rang the bell
	spins   atomic.Bool  // idle.slow or no budget, for readers
	telling atomic.Bool  // the log is being told so

	_      [128]byte   // what wakers touch shares no cache line with the loop's fields
	asleep atomic.Bool // the worker waits, or is about to: whoever has work for it rings the bell
	called atomic.Bool // there are calls, or stop is set
	_      [128]byte

	loopState
}

// loopState belongs to the loop: the worker's goroutine while it runs, the holder of mu otherwise.
type loopState struct {
	batch     frame.Batch
	queues    []*queue
	idle      idler
	start     int64 // cycle counter when the current cycle began
	mark      int64 // cycle counter up to which time has been charged to a queue
	now       int64 // ns, time of the current cycle
	publishAt int64 // ns
	busy      bool  // the current cycle found work
	count     *counter.Block
	stages    *stage.Clock
	cycleTime histogram // ns
	wakeTime  histogram // ns
}

// A queue is an RxQueue in a worker's hands.
type queue struct {
	rx   RxQueue
	port uint32
	load *counter.Block // queueCounters
	// fd is what the waiter knows the queue by. -1: by nothing, the worker looks at it by the clock.
	fd     int
	deafAt int64 // ns, when fd was given up because it signals nothing but an error
}

// NewWorker returns a stopped worker without queues.
func NewWorker(cfg WorkerConfig, p Processor) *Worker {
	if cfg.Clock == nil {
		cfg.Clock = cpu.NewClock()
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	w := &Worker{
		cfg:    cfg,
		clock:  cfg.Clock,
		log:    cfg.Log.With("worker", cfg.ID),
		proc:   p,
		waiter: closedWaiter(),
	}
	w.count = counter.NewBlock(workerCounters[:])
	w.stages = stage.New(w.clock)
	if s, ok := p.(Staged); ok {
		s.SetStages(w.stages)
	}
	w.idle = newIdler(max(0, int64(cfg.Latency)))
	w.spins.Store(w.idle.budget == 0)
	w.list.Store(&[]*queue{})
	return w
}

// ID returns the number the worker was configured with.
func (w *Worker) ID() int { return w.cfg.ID }

// CPU returns the CPU the worker is pinned to, -1 for none.
func (w *Worker) CPU() int { return w.cfg.CPU }

// Start runs the worker in a goroutine of its own, with a seat ([cpu.Seat]) on its CPU. It fails when the worker runs
// already, when the CPU is not to be had, or when the process is out of file descriptors.
func (w *Worker) Start() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running {
		return fmt.Errorf("start worker %d: %w", w.cfg.ID, errRunning)
	}
	if err := w.openWaiter(); err != nil {
		return fmt.Errorf("start worker %d: %w", w.cfg.ID, err)
	}
	started := make(chan error)
	done := make(chan struct{})
	go w.main(started, done)
	if err := <-started; err != nil {
		<-done
		return fmt.Errorf("start worker %d: %w", w.cfg.ID, err)
	}
	w.running, w.done = true, done
	return nil
}

// Stop ends the worker after its current cycle and waits for that. Its queues stay with it, unpolled,
// until RemoveQueue; frames they receive meanwhile stay in them. Stopping a stopped worker does nothing.
func (w *Worker) Stop() {
	w.mu.Lock()
	if !w.running {
		w.mu.Unlock()
		return
	}
	w.stop = true
	w.called.Store(true)
	done := w.done
	w.mu.Unlock()
	w.Wake()
	<-done
}

// main is the worker's goroutine.
func (w *Worker) main(started chan<- error, done chan<- struct{}) {
	defer close(done)
	seat, err := cpu.Take(w.cfg.CPU)
	if err != nil {
		w.closeWaiter()
		started <- err
		return
	}
	defer seat.Leave()
	w.calibrate()
	w.resync()
	started <- nil
	w.loop(seat)
}

// loop polls until Stop.
func (w *Worker) loop(seat *cpu.Seat) {
	for {
		// 1. What others asked for.
		if w.called.Load() && w.control() {
			return
		}
		// 2. One poll cycle.
		w.cycle()
		// 3. Stay where it is.
		if seat.Keep(w.now) {
			w.count.Add(workerMoves, 1)
		}
		// 4. Sleep when there has been nothing to do for long enough.
		if w.idle.due(w.now) {
			w.sleep()
		}
	}
}

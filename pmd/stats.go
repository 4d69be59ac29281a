package pmd

import (
	"time"

	"github.com/culvertdev/culvert/pmd/stage"
	"github.com/culvertdev/culvert/ring/counter"
)

// A worker's counters.
const (
	workerCyclesBusy = iota
	workerCyclesIdle
	workerCyclesControl
	workerSleepNs
	workerSleeps
	workerPackets
	workerPolls
	workerEmptyPolls
	workerOverBudget
	workerMoves
	workerCounterCount
)

var workerCounters = [workerCounterCount]counter.Desc{
	workerCyclesBusy:    {Name: "cycles_busy", Help: "CPU cycles spent in poll cycles that found work."},
	workerCyclesIdle:    {Name: "cycles_idle", Help: "CPU cycles spent in poll cycles that found none."},
	workerCyclesControl: {Name: "cycles_control", Help: "CPU cycles spent on calls of the control plane."},
	workerSleepNs:       {Name: "sleep_ns", Help: "Nanoseconds spent asleep."},
	workerSleeps:        {Name: "sleeps", Help: "Times the worker fell asleep."},
	workerPackets:       {Name: "packets", Help: "Packets received from all queues."},
	workerPolls:         {Name: "polls", Help: "Looks at a queue."},
	workerEmptyPolls:    {Name: "empty_polls", Help: "Looks at a queue that had nothing."},
	workerOverBudget:    {Name: "over_budget", Help: "Times the worker gave up sleeping because waking up took longer than the latency budget."},
	workerMoves:         {Name: "moves", Help: "Times the Go runtime gave the worker another thread."},
}

// What is measured about a queue besides the queue's own counters.
const (
	queueCycles = iota
	queuePackets
	queueCounterCount
)

var queueCounters = [queueCounterCount]counter.Desc{
	queueCycles:  {Name: "queue_cycles", Help: "CPU cycles that visits of the queue took; what is sent at the end of a poll cycle is not in them."},
	queuePackets: {Name: "queue_packets", Help: "Packets its worker took from the queue."},
}

// WorkerStats is what a worker has measured about itself, as of its last publication: at most 1 ms ago
// while it is awake, when it fell asleep or stopped otherwise.
type WorkerStats struct {
	ID        int
	CPU       int     // -1: not pinned
	Frequency float64 // cycles per second
	// Spins: the worker never sleeps, because the latency budget is 0 or less than waking up takes.
	Spins bool

	BusyCycles    uint64        // in poll cycles that found work
	IdleCycles    uint64        // in poll cycles that found none
	ControlCycles uint64        // in calls of the control plane
	Slept         time.Duration // asleep
	Sleeps        uint64
	Packets       uint64
	Polls         uint64
	EmptyPolls    uint64 // polls that found a queue empty
	OverBudget    uint64 // times the worker gave up sleeping
	Moves         uint64 // times the Go runtime gave the worker another thread
	Stages        stage.Times

	Cycle  Histogram // length of poll cycles; a pause of the runtime or the machine makes one long
	Wake   Histogram // from the moment something happened to the worker running
	Queues []QueueStats
}

// QueueStats is what a worker has measured about one of its queues. It goes on counting when a Group
// moves the queue to another worker.
type QueueStats struct {
	Port    uint32
	Queue   RxQueue // to tell queues apart; its methods are its worker's, except Counters
	Cycles  uint64  // spent on its packets
	Packets uint64
}

// Stats returns what the worker has published.
func (w *Worker) Stats() WorkerStats {
	s := WorkerStats{
		ID:            w.cfg.ID,
		CPU:           w.cfg.CPU,
		Frequency:     w.clock.Frequency(),
		Spins:         w.spins.Load(),
		BusyCycles:    w.count.Value(workerCyclesBusy),
		IdleCycles:    w.count.Value(workerCyclesIdle),
		ControlCycles: w.count.Value(workerCyclesControl),
		Slept:         time.Duration(w.count.Value(workerSleepNs)),
		Sleeps:        w.count.Value(workerSleeps),
		Packets:       w.count.Value(workerPackets),
		Polls:         w.count.Value(workerPolls),
		EmptyPolls:    w.count.Value(workerEmptyPolls),
		OverBudget:    w.count.Value(workerOverBudget),
		Moves:         w.count.Value(workerMoves),
		Stages:        w.stages.Times(),
		Cycle:         w.cycleTime.snapshot(),
		Wake:          w.wakeTime.snapshot(),
	}
	for _, q := range *w.list.Load() {
		s.Queues = append(s.Queues, QueueStats{
			Port:    q.port,
			Queue:   q.rx,
			Cycles:  q.load.Value(queueCycles),
			Packets: q.load.Value(queuePackets),
		})
	}
	return s
}

// Samples appends the worker's counters, by name, to dst and returns it.
func (w *Worker) Samples(dst []counter.Sample) []counter.Sample { return w.count.Samples(dst) }

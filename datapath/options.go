package datapath

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/culvertdev/culvert/datapath/upcall"
	"github.com/culvertdev/culvert/flowcache"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/cpu"
	"github.com/culvertdev/culvert/ring/frame"
)

// Options are what a switch is made from; they hold for its life. The zero value of each field but
// Pool picks the default named beside it.
type Options struct {
	Pool    *frame.Pool           // the switch does not close it
	Drivers map[string]pmd.Driver // by the name PortConfig.Driver uses
	Log     *slog.Logger          // default: nothing is logged
	Workers WorkersConfig
	Cache   CacheConfig
	SlowPath
	VLANLimit int        // VLAN tags that are parsed, 1 (default, as in OVS) or 2
	Seed      *flow.Seed // of the hashes; default random
	Clock     *cpu.Clock // default: this machine's
}

// check reports every option that is out of range, defaults filled in.
func (o *Options) check() error {
	var errs []error
	if o.Pool == nil {
		errs = append(errs, errors.New("Options.Pool is missing"))
	}
	within := func(name string, v, low, high int) {
		if v < low || v > high {
			errs = append(errs, fmt.Errorf("%s %d: want %d to %d", name, v, low, high))
		}
	}
	within("Workers.Count", o.Workers.Count, 1, 256)
	within("Cache.EMCEntries", o.Cache.EMCEntries, 1, 1<<24)
	within("Cache.Flows", o.Cache.Flows, 1, flowcache.MaxFlows)
	within("Cache.MasksPerPort", o.Cache.MasksPerPort, 1, flowcache.MaxMasksPerPort)
	within("Cache.ListWords", o.Cache.ListWords, 1, 1<<30)
	within("QueueLength", o.QueueLength, 1, 1<<20)
	within("NewFlows", o.NewFlows, 0, upcall.MaxRate)
	within("SendRate", o.SendRate, -1, upcall.MaxRate)
	within("Held", o.Held, 1, math.MaxInt32)
	within("VLANLimit", o.VLANLimit, 1, 2)
	within("MaxIdle in ns", int(o.MaxIdle), 1, math.MaxInt)
	within("Revalidate in ns", int(o.Revalidate), 1, math.MaxInt)
	return errors.Join(errs...)
}

// WorkersConfig says how many workers run and where.
type WorkersConfig struct {
	Count int   // default 1
	CPUs  []int // one per worker; default: not pinned
	// Latency is how late a packet may be taken because its worker sleeps. A worker sleeps when idle
	// if waking takes less; 0 means pmd.DefaultLatency, negative: workers never sleep.
	Latency time.Duration
	// Rebalance is the time between two looks at whether receive queues should move to other
	// workers; 0 means every 10 s, negative: queues stay.
	Rebalance time.Duration
	Node      func(cpu int) int // NUMA node of a CPU, -1 when unknown; default: not known
}

// CacheConfig sizes the flow caches.
type CacheConfig struct {
	EMCEntries   int // per worker; default 8192
	EMCInsert    int // one in so many packets the exact-match cache lacks enters it; default 100, as in OVS; negative: none
	Flows        int // megaflows; default 65536
	MasksPerPort int // default 32
	ListWords    int // 8-byte words for action programs and rule trails; default 32 per flow
}

func (o *Options) setDefaults() {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&o.Workers.Count, 1)
	def(&o.Cache.EMCEntries, 8192)
	def(&o.Cache.EMCInsert, flowcache.DefaultEMCInsertInverse)
	def(&o.Cache.Flows, 65536)
	def(&o.Cache.MasksPerPort, 32)
	def(&o.Cache.ListWords, min(32*o.Cache.Flows, 1<<30))
	def(&o.QueueLength, 2048)
	def(&o.SendRate, 10_000)
	def(&o.Held, 2048)
	def(&o.VLANLimit, 1)
	if o.Workers.Latency == 0 {
		o.Workers.Latency = pmd.DefaultLatency
	}
	if o.MaxIdle == 0 {
		o.MaxIdle = 10 * time.Second
	}
	if o.Revalidate == 0 {
		o.Revalidate = 500 * time.Millisecond
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = cpu.NewClock()
	}
	if o.Seed == nil {
		o.Seed = new(flow.NewSeed())
	}
}

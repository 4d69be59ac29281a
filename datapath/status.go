package datapath

import (
	"time"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
)

// PortStatus is what is known of a port at a moment.
type PortStatus struct {
	ID      uint32 // datapath port
	Number  uint32 // OpenFlow port
	Name    string
	Bridge  string
	Config  PortConfig
	Flags   rules.PortFlags
	Info    pmd.Info // zero while the port is not open
	Open    bool
	LinkUp  bool
	Err     error // why it is not open
	Reopens uint64
	Samples []counter.Sample // rx_*, tx_* and the device's own, summed over queues and openings
	Queues  []QueueStatus
}

// QueueStatus is one queue of a port.
type QueueStatus struct {
	Tx      bool
	Index   int
	Worker  int    // the worker that owns it; -1: none
	Cycles  uint64 // its worker has spent on the packets received; receive queues only
	Packets uint64 // its worker has taken from it; receive queues only
	Samples []counter.Sample
}

// Stats is what the switch as a whole counts.
type Stats struct {
	Since    time.Time        // when the switch started
	Caches   []counter.Sample // packets by the level that answered: they add up to the packets received and recirculated
	Events   []counter.Sample // what else happened to packets
	Drops    []counter.Sample // packets the switch dropped, by reason; what ports drop is in PortStatus
	SlowPath []counter.Sample // the slow path and the revalidator
	Flows    FlowStats
	Frames   FrameStats
	Workers  []WorkerStats
	Ports    []PortFlows
	Bridges  []BridgeStats
}

// BridgeStats is what the rule table of a bridge counts for itself (rules.Counter).
type BridgeStats struct {
	Name    string
	Samples []counter.Sample
}

// FlowStats is the occupancy of the megaflow cache.
type FlowStats struct {
	Flows, Capacity int
	Samples         []counter.Sample
}

// FrameStats is the state of the frame arena.
type FrameStats struct {
	Buffers, BufferSize int    // number, bytes
	Free                int    // buffers that no port or worker has, nor has in stock
	Pages               string // what kind of memory
}

// WorkerStats is one worker's account.
type WorkerStats struct {
	pmd.WorkerStats
	Caches []counter.Sample
	Events []counter.Sample
	Drops  []counter.Sample
}

// A CachedFlow is one megaflow, for people.
type CachedFlow struct {
	Match    flow.Match // in_port is the datapath port
	Actions  string     // in the words of package action
	Packets  uint64
	Bytes    uint64
	LastUsed time.Duration // how long ago; since it was cached when nothing used it
}

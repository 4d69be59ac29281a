package datapath

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/upcall"
	"github.com/culvertdev/culvert/flowcache"
)

// A Config says which bridges and ports the switch has. [Switch.Apply] compares it with what runs
// and changes only the difference. A Config is a value: the switch keeps none of its slices.
type Config struct {
	Bridges []BridgeConfig
}

// BridgeConfig is one bridge: a rule table and the ports whose packets it decides about.
type BridgeConfig struct {
	Name string
	// Table decides about the bridge's packets, and only about them. The caller changes its rules and
	// calls [Switch.Sync]. The switch compares tables with ==.
	Table rules.Table
	Ports []PortConfig
}

// PortConfig is one port.
type PortConfig struct {
	Name    string            // unique in the switch
	Driver  string            // key of Options.Drivers
	Options map[string]string // the driver's
	Number  uint32            // OpenFlow port number, unique in the bridge; 0 picks the lowest free one
	VLAN    rules.VLAN
	// Protected ports do not forward to each other.
	Protected bool
	Multicast rules.PortMulticast
	Limits    PortLimits
	Pins      map[int]int // receive queue -> worker that must have it; others are placed by load

	opened bool // the caller brought the device: it cannot be opened anew
}

// PortLimits are a port's own, where they differ from the switch's. They may change while the port lives.
type PortLimits struct {
	NewFlows int // new flows a second; 0: SlowPath.NewFlows
	Flows    int // most cached flows; 0: as many as the other ports leave
	Masks    int // most masks; 0: CacheConfig.MasksPerPort
}

// check reports what is out of range.
func (l PortLimits) check() error {
	var errs []error
	for _, c := range []struct {
		name     string
		v, limit int
	}{
		{"Limits.NewFlows", l.NewFlows, upcall.MaxRate},
		{"Limits.Flows", l.Flows, flowcache.MaxFlows},
		{"Limits.Masks", l.Masks, flowcache.MaxMasksPerPort},
	} {
		if c.v < 0 || c.v > c.limit {
			errs = append(errs, fmt.Errorf("%s %d: want 0 to %d", c.name, c.v, c.limit))
		}
	}
	return errors.Join(errs...)
}

// clone returns c with slices and maps of its own.
func (c PortConfig) clone() PortConfig {
	c.Options, c.Pins = maps.Clone(c.Options), maps.Clone(c.Pins)
	c.VLAN = c.VLAN.Clone()
	return c
}

// A Server says who serves packets without a cached flow.
type Server uint8

// Who serves them.
const (
	// ByWorkersAndThread: the worker that has the packet, between two poll cycles, a bounded part each time; what would hold
	// it up, what is too much for it, and what is for tables that are no rules.Prompt is left to a thread, which wants a CPU
	// without a worker.
	ByWorkersAndThread Server = iota
	// ByThread: a thread beside the workers alone. Packets wait for it to wake up.
	ByThread
	// ByWorkers: they alone, waiting where they have to: for machines with no CPU but theirs.
	ByWorkers
)

// SlowPath bounds the work that packets without a cached flow can cause.
type SlowPath struct {
	// QueueLength is how many packets of one port may wait for a verdict, per worker; default 2048, which is what stands in a guest's ring
	// after a pause, and as much again. What workers have room for bounds it as well, and is shared out between ports that want
	// more (upcall.Sources).
	QueueLength int
	// NewFlows is how many new flows a port may start per second, all workers together, with a tenth of that
	// in one burst; default 0: as many as the slow path takes.
	NewFlows int
	// SendRate is how many packets of a port the rules may give to the rule table per second, all workers
	// together, with a tenth of that in one burst; default 10,000, -1: as many as the slow path takes.
	SendRate int
	// Server says who serves them.
	Server Server
	// Held is how many later packets of flows whose first packet is waiting a worker keeps, three quarters of them for one
	// port at most; default 2048. All workers together keep no more than a quarter of the buffers.
	Held int
	// MaxIdle is how long a flow without traffic stays cached; default 10 s.
	MaxIdle time.Duration
	// Revalidate is the time between two walks over the cached flows; default 500 ms.
	Revalidate time.Duration
}

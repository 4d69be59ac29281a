package datapath

import (
	"time"

	"github.com/culvertdev/culvert/datapath/rules"
)

// A Config says which bridges and ports the switch has. [Switch.Apply] compares it with what runs
// and changes only the difference. A Config is a value: the switch keeps none of its slices.
type Config struct {
	Bridges []BridgeConfig
}

// BridgeConfig is one bridge: a rule table and the ports whose packets it decides about.
type BridgeConfig struct {
	Name  string
	Table rules.Table // the caller changes its rules and calls [Switch.Sync]
	Ports []PortConfig
}

// PortConfig is one port.
type PortConfig struct {
	Name    string            // unique in the switch
	Driver  string            // key of Options.Drivers
	Options map[string]string // the driver's
	Number  uint32            // OpenFlow port number, unique in the bridge; 0 picks the lowest free one
	VLAN    rules.VLAN
	Pins    map[int]int // receive queue -> worker that must have it; others are placed by load

	opened bool // the caller brought the device: it cannot be opened anew
}

// SlowPath bounds the work that packets without a cached flow can cause.
type SlowPath struct {
	// QueueLength is how many packets of one port may wait for a verdict, per worker; default 512.
	QueueLength int
	// Held is how many later packets of flows whose first packet is waiting a worker keeps; default 1024.
	Held int
	// MaxIdle is how long a flow without traffic stays cached; default 10 s.
	MaxIdle time.Duration
	// Revalidate is the time between two walks over the cached flows; default 500 ms.
	Revalidate time.Duration
}

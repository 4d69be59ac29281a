// Package config reads the configuration file of the daemon: YAML text in, a checked [Config] out.
//
// A file is checked as a whole. Either all of it is right, and [Parse] returns a Config with every
// default filled in, or Parse returns all that is wrong ([Errors]), each with file, line and column,
// what was expected and what was found, and whoever asked goes on with what it had. Whether a device
// exists is not checked: ports come and go while the switch runs.
//
// The package opens nothing and changes nothing; package daemon turns a Config into a running switch.
// docs/configuration.md lists every key for people; a test holds that page to this package.
//
// Of YAML it takes what a configuration needs, one document of mappings, lists and scalars, and
// refuses anchors, aliases, merge keys and tags: nothing in the file may mean something that does not
// stand at the place where it is used.
//
// Thread-safety: a Config is a value that nobody changes after Parse.
package config

import (
	"io/fs"
	"log/slog"
	"time"

	"github.com/culvertdev/culvert/control/profile"
	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/gateway"
	"github.com/culvertdev/culvert/datapath/rules/openflow"
	"github.com/culvertdev/culvert/encap/underlay"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/frame"
)

// A Config is a checked configuration, defaults included.
type Config struct {
	Control   Control
	Metrics   Metrics
	Log       Log
	Frames    Frames
	Workers   Workers
	Caches    Caches
	SlowPath  SlowPath
	VLANLimit int // VLAN tags that rules can match, 1 or 2
	Profiles  []Profile
	Bridges   []Bridge
}

// Control is the socket that the command line talks to.
type Control struct {
	Socket string      // path
	Mode   fs.FileMode // permission bits of the socket
	Group  string      // group name or number that owns it; empty: the daemon's own
}

// Metrics is the Prometheus listener.
type Metrics struct {
	Listen string // host:port; empty: none
}

// Log says what is logged.
type Log struct {
	Level slog.Level
}

// Frames is the frame arena.
type Frames struct {
	Buffers    int // number of buffers
	BufferSize int // bytes
	Huge       frame.HugePages
}

// Never stands for a time when something does not happen at all.
const Never time.Duration = -1

// Workers is the threads that move packets.
type Workers struct {
	Count     int
	CPUs      []int         // one per worker; empty: chosen at start
	Latency   time.Duration // how late a packet may be noticed because its worker slept; Never: workers do not sleep
	Rebalance time.Duration // between two looks at whether queues should move to other workers; Never: they stay
}

// Caches is the size of the flow caches.
type Caches struct {
	EMCEntries   int // exact-match entries per worker, a power of two
	EMCInsert    int // one in so many new flows enters the exact-match cache
	Flows        int // megaflows in the switch
	MasksPerPort int // different masks that the flows of one port may have
	MaxIdle      time.Duration
}

// SlowPath bounds the work that packets without a cached flow can cause.
type SlowPath struct {
	QueueLength int           // packets of one port that may wait for a verdict, per worker
	Held        int           // later packets of flows that wait, per worker
	NewFlows    int           // new flows a second that one port may start; 0: any number
	SendRate    int           // packets of one port per second that rules may give to the rule table, such as those to a controller
	Revalidate  time.Duration // time between two walks over the cached flows
	Thread      SlowThread
}

// SlowThread says who serves packets without a cached flow.
type SlowThread uint8

// Who serves them.
const (
	SlowAuto   SlowThread = iota // the workers, with the help of a thread where a CPU has no worker
	SlowOwn                      // a thread of its own
	SlowWorker                   // the workers
)

// A Profile says who knows where the guests of an overlay are. Ports with remote_ip=lookup name it.
type Profile struct {
	Name string // unique among profiles
	profile.Config
	// Suppress: who asks for an address (ARP, neighbour discovery) is answered here, if it is known.
	Suppress bool
}

// Bridge is one bridge.
type Bridge struct {
	Name         string
	MACAging     time.Duration // how long a learned address without traffic is remembered
	MACTableSize int           // learned addresses
	ForwardBPDU  bool          // NORMAL forwards link-local control addresses too
	FloodVLANs   []uint16      // NORMAL learns nothing in these and floods
	Snooping     openflow.Snooping
	Mirrors      []openflow.Mirror
	Bonds        []openflow.Bond // of Ports, which are then no ports of their own for NORMAL
	Fragments    openflow.Fragments
	// PacketInRate and PacketInBurst limit the packets to controllers, in packets/s and packets.
	PacketInRate, PacketInBurst int
	Meters                      []openflow.Meter
	// TunnelOptions are the options that rules know as tun_metadata fields.
	TunnelOptions []flow.Option
	Limits        map[uint8]openflow.Limit // of OpenFlow tables, by number
	Ports         []Port
	Groups        []Rule // in the order of the file
	Rules         []Rule // in the order of the file
	// Gateway is what the bridge does whose rule table is a gateway; nil: its table has OpenFlow rules.
	Gateway *gateway.Config
	// Normal: the file says nothing about rules, so the bridge gets the one that makes it a learning
	// switch, "priority=0 actions=NORMAL".
	Normal bool
}

// Port is one port.
type Port struct {
	Name   string // unique in the switch
	Type   string // name of the driver
	Number uint32 // OpenFlow port number, unique in the bridge; 0: the lowest free one
	VLAN   rules.VLAN
	// Protected ports do not forward to each other.
	Protected bool
	Multicast rules.PortMulticast
	Limits    datapath.PortLimits
	Underlay  *underlay.Interface // what it has of addresses in the physical network; nil: nothing
	Options   map[string]string   // the driver's; it checks them when it opens the port
}

// A Rule is one line of rule text in ovs-ofctl's syntax, and where it stands.
type Rule struct {
	Text string
	Place
}

// A Place is a position in a file.
type Place struct {
	File   string
	Line   int // from 1; 0: the file as a whole
	Column int // from 1, in characters; 0: the line as a whole
}

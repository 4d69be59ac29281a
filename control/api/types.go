package api

// Version says which daemon this is.
type Version struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"` // of the source, if known
	Go       string `json:"go"`
}

// Overview is the answer to "what is this switch doing".
type Overview struct {
	Version       Version  `json:"version"`
	PID           int      `json:"pid"`
	UptimeSeconds float64  `json:"uptime_seconds"`
	Config        string   `json:"config"`            // file the daemon was started with
	Restart       []string `json:"restart,omitempty"` // keys whose new values wait for a restart
	Frames        Frames   `json:"frames"`
	Flows         Flows    `json:"flows"`
	Workers       []Worker `json:"workers"`
	Bridges       []Bridge `json:"bridges"`
}

// Bridge is one bridge.
type Bridge struct {
	Name  string `json:"name"`
	Table string `json:"table"` // kind of its rule table: "openflow" or "gateway"
	Rules int    `json:"rules"` // in its rule table; of a gateway, in its ACL
	MACs  int    `json:"macs"`  // addresses it knows
	Ports []Port `json:"ports"`
}

// Configuration is a configuration file and the files it names, as the client read them.
type Configuration struct {
	Name  string            `json:"name"`  // path of the file, for errors
	Text  string            `json:"text"`  // YAML
	Files map[string]string `json:"files"` // text of each flows-file by the path the configuration leads to
}

// Applied says what applying a configuration changed.
type Applied struct {
	PortsAdded   []string `json:"ports_added"`
	PortsRemoved []string `json:"ports_removed"`
	PortsChanged []string `json:"ports_changed"`
	RulesAdded   int      `json:"rules_added"`
	RulesRemoved int      `json:"rules_removed"`
	// Restart names the keys whose new values take effect only when the daemon is started anew.
	Restart []string `json:"restart,omitempty"`
}

// Changed says how many things a request changed.
type Changed struct {
	Count int `json:"count"`
}

// RulesChanged says how many rules a request changed, and how.
type RulesChanged struct {
	Count   int `json:"count"` // all together
	Added   int `json:"added"`
	Changed int `json:"changed"`
	Deleted int `json:"deleted"`
}

// BundleDone says what a bundle of changes has done. Rules that went with a deleted group are not counted.
type BundleDone struct {
	Rules  RulesChanged `json:"rules"`
	Groups int          `json:"groups"` // added, changed or deleted
}

// BridgeName names a bridge; empty means all, or the only one there is.
type BridgeName struct {
	Bridge string `json:"bridge,omitempty"`
}

// PortFilter chooses ports; an empty member does not narrow.
type PortFilter struct {
	Bridge string `json:"bridge,omitempty"`
	Name   string `json:"name,omitempty"`
}

// PortName names a port.
type PortName struct {
	Name string `json:"name"`
}

// NewPort is a port to be added to a bridge.
type NewPort struct {
	Bridge string `json:"bridge,omitempty"` // may be empty when there is one only
	Name   string `json:"name"`
	Type   string `json:"type"`
	Number uint32 `json:"number,omitempty"` // OpenFlow port; 0: the lowest free one
	VLAN   VLAN   `json:"vlan,omitzero"`
	// Protected ports do not forward to each other.
	Protected bool `json:"protected,omitempty"`
	PortMulticast
	Options map[string]string `json:"options,omitempty"`
	Limits  PortLimits        `json:"limits,omitzero"`
}

// PortMulticast is what multicast snooping sends to a port whether somebody there has asked for it or not.
type PortMulticast struct {
	Flood        bool `json:"mcast_snooping_flood,omitempty"`         // packets to groups
	FloodReports bool `json:"mcast_snooping_flood_reports,omitempty"` // what hosts say of groups
}

// PortMod changes what a port takes part in.
type PortMod struct {
	Name     string   `json:"name"`
	Settings []string `json:"settings"` // words of ovs-ofctl mod-port: up, down, [no-]receive, [no-]forward, [no-]flood
}

// VLAN says how NORMAL treats a port's VLAN tags.
type VLAN struct {
	// Mode is "access", "trunk", "native-tagged", "native-untagged" or "dot1q-tunnel"; empty: access with
	// a tag, trunk without.
	Mode         string `json:"mode,omitempty"`
	Tag          int    `json:"tag,omitempty"`
	Trunks       []int  `json:"trunks,omitempty"`        // empty: all
	CVLANs       []int  `json:"cvlans,omitempty"`        // of dot1q-tunnel; empty: all
	QinQType     string `json:"qinq_ethtype,omitempty"`  // of dot1q-tunnel: "802.1ad", which empty means, or "802.1q"
	PriorityTags string `json:"priority_tags,omitempty"` // "never", which empty means, "if-nonzero" or "always"
}

// Port is one port.
type Port struct {
	Name    string            `json:"name"`
	Bridge  string            `json:"bridge"`
	Number  uint32            `json:"number"` // OpenFlow port
	ID      uint32            `json:"id"`     // datapath port
	Type    string            `json:"type"`
	Options map[string]string `json:"options,omitempty"`
	VLAN    VLAN              `json:"vlan"`
	// Protected ports do not forward to each other.
	Protected bool `json:"protected,omitempty"`
	PortMulticast
	// Settings are what port.mod has switched off: "down", "no-receive", "no-forward", "no-flood".
	Settings []string   `json:"settings,omitempty"`
	Open     bool       `json:"open"`
	Error    string     `json:"error,omitempty"` // why it is not open
	LinkUp   bool       `json:"link_up"`
	MAC      string     `json:"mac,omitempty"`
	MTU      int        `json:"mtu,omitempty"` // bytes
	NUMA     int        `json:"numa"`          // -1: unknown
	Notes    []Note     `json:"notes,omitempty"`
	Reopens  uint64     `json:"reopens"`
	Limits   PortLimits `json:"limits,omitzero"`
	Counters []Counter  `json:"counters"`
	Queues   []Queue    `json:"queues"`
}

// Note is one choice made for a port, and why not better.
type Note struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Reason string `json:"reason,omitempty"`
}

// Counter is one counter.
type Counter struct {
	Name  string `json:"name"`
	Value uint64 `json:"value"`
	Kind  string `json:"kind"` // "event", "drop" (packets; the name is the reason), "bytes" or "fault" (the port's other side broke a rule)
	Help  string `json:"help"`
}

// Fault is a counter of a port whose other side broke a rule: a guest, say.
type Fault struct {
	Port string `json:"port"`
	Counter
}

// Queue is one queue of a port.
type Queue struct {
	Direction string    `json:"direction"` // "rx" or "tx"
	Index     int       `json:"index"`
	Worker    int       `json:"worker"`            // which one owns it; -1: none
	Cycles    uint64    `json:"cycles,omitempty"`  // that visits of a receive queue took; what is sent at the end of a poll cycle is not in them
	Packets   uint64    `json:"packets,omitempty"` // its worker has taken from it; receive queues only
	Counters  []Counter `json:"counters"`
}

// Stats is what the switch as a whole counts.
type Stats struct {
	UptimeSeconds float64   `json:"uptime_seconds"`
	Packets       uint64    `json:"packets"`     // looked up: the sum of Caches
	Caches        []Counter `json:"caches"`      // packets by the level that answered
	Events        []Counter `json:"events"`      // what else happened to packets
	Drops         []Counter `json:"drops"`       // packets the switch dropped, by reason
	PortDrops     []Counter `json:"port_drops"`  // packets the ports dropped, by reason
	PortFaults    []Fault   `json:"port_faults"` // what those at the other sides of ports did wrong
	SlowPath      []Counter `json:"slow_path"`
	Flows         Flows     `json:"flows"`
	Frames        Frames    `json:"frames"`
	Workers       []Worker  `json:"workers"`
	// Ports is what each port has in the flow cache and asks of the slow path.
	Ports []PortFlows `json:"ports"`
	// Bridges is what their rule tables count: what became of packets for controllers.
	Bridges []BridgeCounters `json:"bridges"`
}

// BridgeCounters is what the rule table of a bridge counts.
type BridgeCounters struct {
	Bridge   string    `json:"bridge"`
	Counters []Counter `json:"counters"`
}

// PortFlows is one port's part in the flow cache and the slow path.
type PortFlows struct {
	Port       string    `json:"port"`
	Flows      int       `json:"flows"`      // cached
	Guaranteed int       `json:"guaranteed"` // that it can have whatever other ports do
	Masks      int       `json:"masks"`      // that its packets are looked up under
	MaskLimit  int       `json:"mask_limit"` // most of these, two of last resort left out
	Lookups    uint64    `json:"lookups"`    // packets looked up in the megaflow cache
	Probes     uint64    `json:"probes"`     // masks they were looked up under, all together
	New        []Counter `json:"new"`        // what became of packets that no cache knew
}

// PortLimits bounds what a port may ask of the slow path and the flow cache; 0: as the switch's.
type PortLimits struct {
	NewFlows int `json:"new_flows,omitempty"` // a second
	Flows    int `json:"flows,omitempty"`     // cached
	Masks    int `json:"masks,omitempty"`
}

// Flows is the occupancy of the megaflow cache.
type Flows struct {
	Flows    int       `json:"flows"`
	Capacity int       `json:"capacity"`
	Counters []Counter `json:"counters"`
}

// Frames is the frame arena.
type Frames struct {
	Buffers    int    `json:"buffers"`
	BufferSize int    `json:"buffer_size"` // bytes
	Free       int    `json:"free"`        // buffers that no port or worker has, nor has in stock
	Pages      string `json:"pages"`       // what kind of memory
}

// Worker is one worker's account.
type Worker struct {
	ID            int       `json:"id"`
	CPU           int       `json:"cpu"` // -1: not pinned
	Hertz         float64   `json:"hertz"`
	Spins         bool      `json:"spins"` // never sleeps
	BusyCycles    uint64    `json:"busy_cycles"`
	IdleCycles    uint64    `json:"idle_cycles"`
	ControlCycles uint64    `json:"control_cycles"`
	SleptNs       int64     `json:"slept_ns"`
	Sleeps        uint64    `json:"sleeps"`
	Packets       uint64    `json:"packets"`
	Polls         uint64    `json:"polls"`
	EmptyPolls    uint64    `json:"empty_polls"`
	OverBudget    uint64    `json:"over_budget"` // times it gave up sleeping
	Moves         uint64    `json:"moves"`       // times the Go runtime gave it another thread
	Cycle         Durations `json:"cycle"`       // length of poll cycles
	Wake          Durations `json:"wake"`        // from the moment something happened to running
	Stages        Stages    `json:"stages"`
	Caches        []Counter `json:"caches"`
	Events        []Counter `json:"events"`
	Drops         []Counter `json:"drops"`
}

// Stages is what timed poll cycles, a few of all, were spent on.
type Stages struct {
	Packets uint64    `json:"packets"` // received in them
	Cycles  []Counter `json:"cycles"`  // of the processor, by stage
}

// Durations is a histogram of durations.
type Durations struct {
	Count uint64 `json:"count"`
	SumNs int64  `json:"sum_ns"`
	MaxNs int64  `json:"max_ns"`
	P50Ns int64  `json:"p50_ns"` // half are shorter, to the next power of two
	P99Ns int64  `json:"p99_ns"`
}

// Replaced says how many rules came and went.
type Replaced struct {
	Added   int `json:"added"`
	Removed int `json:"removed"`
}

// Difference is what differs between a bridge's rules and others, as ovs-ofctl diff-flows writes it: "-" is
// in front of rules that only the bridge has, "+" of those it has not.
type Difference struct {
	Lines []string `json:"lines"`
}

// FlowText is rules, or matches for flow.del, in the syntax of ovs-ofctl. Lines for flow.add may begin with
// add, modify, modify_strict, delete or delete_strict, as in its files.
type FlowText struct {
	Bridge string   `json:"bridge,omitempty"` // may be empty when there is one only
	Name   string   `json:"name,omitempty"`   // of the file the lines come from, for errors
	Lines  []string `json:"lines"`            // empty for flow.del: every rule
	Strict bool     `json:"strict,omitempty"` // flow.del, flow.mod: same match and priority only
}

// FlowFilter chooses rules.
type FlowFilter struct {
	Bridge string `json:"bridge,omitempty"` // empty: all bridges
	Match  string `json:"match,omitempty"`  // rules at least as specific; empty: all
}

// Aggregate is how much traffic rules have seen together.
type Aggregate struct {
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
	Flows   int    `json:"flows"`
}

// FlowMatch chooses the rules to dump.
type FlowMatch struct {
	Bridge string `json:"bridge,omitempty"`
	Match  string `json:"match,omitempty"` // rules at least as specific; empty: all

	Sort    string `json:"sort,omitempty"`     // by this match field, or by priority; empty: by table, the highest priority first
	Falling bool   `json:"falling,omitempty"`  // the greatest first
	NoStats bool   `json:"no_stats,omitempty"` // Rule.Text without counters and durations
	Names   bool   `json:"names,omitempty"`    // Rule.Text with names of ports
}

// Rule is one rule of a table.
type Rule struct {
	Bridge          string  `json:"bridge"`
	Text            string  `json:"text"` // match and actions, as flow.add takes them
	Table           int     `json:"table"`
	Priority        int     `json:"priority"`
	Cookie          uint64  `json:"cookie"`
	Match           string  `json:"match"`
	Actions         string  `json:"actions"`
	Packets         uint64  `json:"packets"`
	Bytes           uint64  `json:"bytes"`
	DurationSeconds float64 `json:"duration_seconds"` // since it was added
	IdleSeconds     float64 `json:"idle_seconds"`     // since its last packet, or since it was added
}

// FDBEntry is one address a bridge knows.
type FDBEntry struct {
	Bridge     string  `json:"bridge"`
	Port       string  `json:"port"`
	Number     uint32  `json:"number"`
	VLAN       int     `json:"vlan"`
	MAC        string  `json:"mac"`
	AgeSeconds float64 `json:"age_seconds"` // since last seen
	Static     bool    `json:"static"`
}

// NewFDBEntry is an address to be known for good.
type NewFDBEntry struct {
	Bridge string `json:"bridge,omitempty"`
	Port   string `json:"port"`
	VLAN   int    `json:"vlan,omitempty"`
	MAC    string `json:"mac"`
}

// FDBKey names an address.
type FDBKey struct {
	Bridge string `json:"bridge,omitempty"`
	VLAN   int    `json:"vlan,omitempty"`
	MAC    string `json:"mac"`
}

// FDBFilter chooses learned addresses, or what multicast snooping has learned; an empty member does not narrow.
type FDBFilter struct {
	Bridge string `json:"bridge,omitempty"`
	Port   string `json:"port,omitempty"`
	VLAN   *int   `json:"vlan,omitempty"`
}

// MDBEntry is one port of a multicast group, or one with a multicast router.
type MDBEntry struct {
	Bridge     string  `json:"bridge"`
	Port       string  `json:"port"`
	Number     uint32  `json:"number"`
	VLAN       int     `json:"vlan"`
	Group      string  `json:"group,omitempty"` // empty: a router
	Router     bool    `json:"router,omitempty"`
	AgeSeconds float64 `json:"age_seconds"` // since the last report or query
}

// Gateway is a bridge that routes.
type Gateway struct {
	Bridge     string             `json:"bridge"`
	Interfaces []GatewayInterface `json:"interfaces"`
	Routes     []GatewayRoute     `json:"routes"` // those of the configuration
	Neighbours []GatewayNeighbour `json:"neighbours"`
	ACL        []GatewayRule      `json:"acl"`
	Default    string             `json:"acl_default"` // "permit" or "deny"
}

// GatewayInterface is an interface of a gateway.
type GatewayInterface struct {
	Name      string   `json:"name"`
	Ports     []string `json:"ports"` // those with a tag as port.vlan
	MAC       string   `json:"mac"`
	Addresses []string `json:"addresses"`
}

// GatewayRoute is a route.
type GatewayRoute struct {
	To  string   `json:"to"`
	Via []string `json:"via,omitempty"` // routers; none: dropped
}

// GatewayNeighbour is a host that a gateway knows or asks for.
type GatewayNeighbour struct {
	Interface  string  `json:"interface"`
	Address    string  `json:"address"`
	MAC        string  `json:"mac,omitempty"`
	State      string  `json:"state"` // "asked", "failed", "answered" or "static"
	AgeSeconds float64 `json:"age_seconds"`
}

// GatewayRule is a rule of an ACL.
type GatewayRule struct {
	Text    string `json:"text"`
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

// CacheFilter bounds a dump of the megaflow cache.
type CacheFilter struct {
	Port  string `json:"port,omitempty"`  // input port; empty: all
	Limit int    `json:"limit,omitempty"` // flows, busiest first; 0: all
}

// CacheFlow is one megaflow.
type CacheFlow struct {
	Match       string  `json:"match"`
	Actions     string  `json:"actions"`
	Packets     uint64  `json:"packets"`
	Bytes       uint64  `json:"bytes"`
	UsedSeconds float64 `json:"used_seconds"` // ago; since it was cached when nothing used it
}

// Package rules is the plug-in point of the switch: a [Table] decides what happens to the packets of
// a flow that no cache knows. The built-in table with OpenFlow semantics is package openflow below
// this one.
//
// A verdict is cached and applied to every packet that agrees with the one looked up in the bits the
// table says it consulted, so a table must be honest about them: see [Verdict.Mask].
package rules

import (
	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/counter"
)

var _ = [1]struct{}{}[flow.Version-3]

// A Table decides the fate of a flow. Slow path only: once per cache miss and once per revalidation,
// never per packet, so it may lock, unless it is a [Prompt]. In the steady state it should not allocate: a storm of new flows
// must not become a storm of garbage.
//
// Thread-safety: implementations are safe for concurrent use.
type Table interface {
	// Lookup writes the verdict for q.Key into v, which the caller has reset. It must set in v.Mask
	// every bit of the key that influenced the verdict: the result is cached for all keys equal
	// under that mask. Extra bits cost cache efficiency; a missing bit misroutes packets. in_port,
	// recirc_id and which blocks are present are always consulted and need no bit. An error drops the
	// packet (action.TableError); it is logged, and nothing is cached; but for ErrWait and ErrEdition.
	Lookup(q *Query, v *Verdict) error
	// Changes adds to c what has changed after version since and returns the version now. The first
	// call passes 0 and expects c.All.
	Changes(since uint64, c *ChangeSet) (version uint64)
	// Credit adds a cached flow's traffic since the last call to what took part in its verdict, as
	// v.Trail named it: rule counters, and effects such as the refresh of a learned address.
	// lastUsed is when the last packet was seen, in nanoseconds on the clock of Query.Now.
	Credit(trail []uint64, packets, bytes uint64, lastUsed int64)
}

// A Query is one look-up.
type Query struct {
	Key    *flow.Key // in_port is the datapath port; registers and metadata are zero
	Packet []byte    // first buffer of the packet when there is one; nil otherwise
	Size   int       // bytes of the whole packet; 0 without one
	Now    int64     // ns, monotonic clock
	// Live: a packet is waiting for the verdict, and the table may learn from it. Otherwise the
	// look-up has no side effect (trace, revalidation, trying a configuration out).
	Live bool
	// Have, when not nil, are the bits that the verdict's mask may have: the flow it is for is cached
	// under them. A table that can reach its verdict in several ways takes one within them.
	Have *flow.Mask
	// Edition, when not 0, is the edition of the rules that the look-up is wanted by (see Edited). If the table
	// has another one, the look-up does nothing and the error is ErrEdition.
	Edition uint64
	// NoWait: a worker makes the look-up itself, and all its ports stand still meanwhile. If others hold the table for
	// longer than a look-up takes, to change its rules for example, or it has to keep others out for this one, it returns
	// ErrWait and has done nothing; a thread that may wait asks again, as it does after any other error. Only a Prompt is asked
	// so.
	NoWait bool
	// Trace, when not nil, is told in words what the table does.
	Trace Tracer
}

// A Tracer hears how a verdict came about: one line per step, depth levels deep. Lines that begin with
// "->", ">>" or ">>>>" are remarks on the line before them: what it did, a warning, an error that ends it.
type Tracer interface {
	Step(depth int, line string)
}

// A FlowTracer is a Tracer that also hears what the packet has become in the end, if the table can tell.
type FlowTracer interface {
	Tracer
	// Final gets the key after all actions, valid during the call, with in_port in the table's own
	// numbers.
	Final(key *flow.Key)
}

// A Verdict is what a table decided. Its caller uses it again for every look-up: what it holds is
// valid until the next Reset.
type Verdict struct {
	Mask    flow.Mask      // bits of the original key that were consulted
	Actions action.Program // what happens; empty means drop (action.NoMatch)
	// Trail names what took part (rules to credit, addresses to refresh) in words only the table
	// understands; Credit gets it back.
	Trail []uint64
	// Tags has a bit for everything consulted whose change could change the verdict, each hashed to
	// one of 64: a table number, an address looked up. See Change.
	Tags uint64
	// Rewrote has flow.WordBit of each word of the key that was changed by actions before something
	// was looked up by it: a change's match says nothing about that word of the original key.
	Rewrote uint64
	// NoCache: the verdict holds for this packet only.
	NoCache bool
	// Edition is which edition of the rules the verdict is by, for tables that are Edited; 0: they had no part in it.
	Edition uint64
}

// Reset empties v and keeps its memory.
func (v *Verdict) Reset() {
	v.Mask = flow.Mask{}
	v.Actions.Reset()
	v.Trail = v.Trail[:0]
	v.Tags, v.Rewrote, v.NoCache, v.Edition = 0, 0, false, 0
}

// A Change is one thing that changed in a table.
type Change struct {
	Tag uint64 // bits of what changed; verdicts without any of them are not concerned
	// Match, when not nil, narrows it: verdicts for keys that the match excludes are not concerned,
	// words they rewrote aside.
	Match *flow.Match
}

// A ChangeSet is what a flow must overlap to be looked up again. The zero value concerns none.
type ChangeSet struct {
	All     bool // every flow
	Changes []Change
	Moved   Addresses // flows to them
	Sources Addresses // flows from them
}

// Reset empties c and keeps its memory.
func (c *ChangeSet) Reset() {
	c.All, c.Changes = false, c.Changes[:0]
	c.Moved.Reset()
	c.Sources.Reset()
}

// A Holder is a Table whose trails and programs name contexts: what a packet goes on with after a
// recirculation, what to do with one that action.OpSend sent. A context must be known as long as a cached
// flow names it.
//
// The switch calls Hold when a flow with this trail enters the cache, before any worker can use it, and
// Release when that flow has left it or has another trail, after the last worker has let go of it. Both
// are called inside the lock over the flow cache and must be quick. A packet may ask for a context for a
// moment longer: a table forgets it some seconds after the last Release, or after the verdict that named
// it if no flow came of it.
type Holder interface {
	Hold(trail []uint64)
	Release(trail []uint64)
}

// An OptionMatcher is a Table that knows tunnel options as fields: keys have those that it maps. The switch follows
// a change of the map when its Sync is called. Packets with other critical options are dropped.
type OptionMatcher interface {
	TunnelOptions() *flow.TLVMap
}

// A Receiver is a Table that gets copies of packets: its programs use action.OpSend.
type Receiver interface {
	// Receive takes a packet sent with the context id. q.Packet is the whole packet as action.OpTrunc has
	// cut it, valid during the call, q.Size its bytes before that; q.Key is its key with in_port and the
	// recirculation id it came with. It is called on the slow path, apart from look-ups, and must not block.
	Receive(id uint32, q *Query)
}

// A Counter is a Table that counts what the switch does not see.
type Counter interface {
	// Samples returns the table's counters, which never go back.
	Samples() []counter.Sample
}

// A Settler is a Table that wants to know how far its books are true.
type Settler interface {
	// Settled says, after a walk over the flow cache, that no packet is handled by verdicts from before
	// version any more (as Changes counts them), and that the traffic of all such verdicts, and all other
	// traffic up to the time now, has been credited. now is on the clock of Query.Now.
	Settled(version uint64, now int64)
}

// A Port is a port of the switch as tables know it.
type Port struct {
	ID     uint32 // datapath port: in_port of Query.Key and argument of action.Program.Output
	Number uint32 // OpenFlow port number, unique in its bridge
	Name   string
	MAC    [6]byte // zero: not known
	Up     bool    // it is there and has a carrier
	Flags  PortFlags
	VLAN   VLAN
	// Protected ports do not forward to each other (ovs-vswitchd.conf.db(5), Port:protected).
	Protected bool
	MTU       int // bytes of the largest layer-3 packet that it takes; 0: not known
	Multicast PortMulticast
	// Tunnel, when not nil, is where packets to the port go, in place of Program.Output.
	Tunnel Tunnel
}

// PortMulticast is what multicast snooping sends to a port whether somebody there has asked for it or not
// (ovs-vswitchd.conf.db(5), Port, other_config:mcast-snooping-flood and mcast-snooping-flood-reports).
type PortMulticast struct {
	Flood        bool // packets to groups
	FloodReports bool // what hosts say of groups
}

// PortFlags is what a port does not take part in (OpenFlow 1.0, enum ofp_port_config; ovs-ofctl(8),
// mod-port).
type PortFlags uint8

// Bits of PortFlags.
const (
	PortDown  PortFlags = 1 << iota // nothing at all
	NoReceive                       // what comes in is dropped
	NoForward                       // nothing is sent to it
	NoFlood                         // FLOOD and the floods of NORMAL leave it out
)

// A PortUser is a Table that wants to know the ports of its bridge. The switch calls SetPorts before
// the first Lookup and whenever they change; the slice is not changed after.
type PortUser interface {
	SetPorts(ports []Port)
}

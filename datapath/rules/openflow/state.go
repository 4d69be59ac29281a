package openflow

import "github.com/culvertdev/culvert/flowcache/flow"

// A state is what becomes of a packet on its way through the actions. A copy of the packet, as a bucket of
// a group or a clone works on, starts with a copy of it.
type state struct {
	// work is the key as the packet is after the actions so far, with in_port as OpenFlow number. base
	// is the key as the program so far has made it.
	work, base flow.Key
	// written has the bits of work that are no longer those of the original key, fixed the bits of base.
	// They are the same for all packets of the verdict, since what writes them is, or was consulted.
	written, fixed flow.Mask
	// dirty has the bits written since the last commit, pending the fields they belong to.
	dirty   flow.Mask
	pending fieldSet
	touched uint64 // words of work that have written bits
	met     uint32 // prerequisites that work was found to meet since it was last written: bit n for flow.Need n
	vlan    vlanStack
	inside  bool         // labels were popped, and nothing is known of what is behind them
	hash    uint64       // the operation that made the packet's dp_hash; 0: it has none
	stack   []stackEntry // what push has pushed
	set     []Action     // the action set, in the order it was written
}

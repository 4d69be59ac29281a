package datapath

import (
	"slices"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/ring/counter"
)

// The cache levels: every packet a worker receives, or takes up again under a recirculation id, is
// counted in exactly one of them, by what decided its fate.
const (
	hitPort = iota
	hitLatest
	hitEMC
	hitMegaflow
	askedSlowPath
	undecided // dropped before any level could answer; the drop counters say why
	numLevels
)

func levelCounters() []counter.Desc {
	return []counter.Desc{
		hitPort:       {Name: "port_hit", Help: "Packets answered without a look-up: all packets of their port are one flow."},
		hitLatest:     {Name: "latest_hit", Help: "Packets of the flow that the latest packet of their port was of, found without a look-up."},
		hitEMC:        {Name: "emc_hit", Help: "Packets answered by the worker's exact-match cache."},
		hitMegaflow:   {Name: "megaflow_hit", Help: "Packets answered by the megaflow cache."},
		askedSlowPath: {Name: "upcall", Help: "Packets no cache knew, sent to the slow path."},
		undecided:     {Name: "undecided", Help: "Packets dropped before any cache level could answer: too short, or the slow path had no room."},
	}
}

// What else a worker counts.
const (
	recirculated = iota
	heldBack
	completed
	segmented
	fragmented
	sentUp
	injected
	numEvents
)

func eventCounters() []counter.Desc {
	return []counter.Desc{
		recirculated: {Name: "recirculated", Help: "Packets taken up again under a recirculation id; each counts once more in the cache levels."},
		heldBack:     {Name: "held", Help: "Packets that waited behind their flow's first packet and were looked up after it."},
		completed:    {Name: "checksum_completed", Help: "Packets whose L4 checksum the sender had left to hardware, completed here."},
		sentUp:       {Name: "sent_to_table", Help: "Copies given to the rule table, such as packets to the controller."},
		injected:     {Name: "injected", Help: "Packets that the rule table sent, such as those of a controller, and packets it went on with."},
		segmented:    {Name: "segmented", Help: "Packets larger than their output port takes, cut into segments here."},
		fragmented:   {Name: "fragmented", Help: "Packets larger than their tunnel takes that left it in IP fragments, cut inside or outside."},
	}
}

// The pipeline's own reasons to drop a packet; those of verdicts are in package action.
const (
	dropShort = iota
	dropQueueFull
	dropHoldFull
	dropSourceFull
	dropNewFlowRate
	dropNoFrames
	dropNoHeadroom
	dropPortGone
	dropHandover
	dropRecircDepth
	dropCloneDepth
	dropTooManyClones
	dropSendRate
	dropSendFull
	dropUncut
	dropBadOffload
	dropNotMapped
	numDrops
)

func dropCounters() []counter.Desc {
	own := []counter.Desc{
		dropShort:         {Name: "too_short", Help: "Frames without a whole Ethernet header (14 bytes).", Kind: counter.Drop},
		dropQueueFull:     {Name: "upcall_queue_full", Help: "Packets of new flows beyond what their input port may have waiting for the slow path.", Kind: counter.Drop},
		dropHoldFull:      {Name: "upcall_hold_full", Help: "Packets beyond the number a worker keeps behind the first packets of new flows.", Kind: counter.Drop},
		dropSourceFull:    {Name: "upcall_source_full", Help: "Packets of new flows beyond what one sender, or group of senders, behind the input port may have waiting for the slow path.", Kind: counter.Drop},
		dropNewFlowRate:   {Name: "new_flow_rate", Help: "Packets of new flows beyond the rate that their input port may start them at.", Kind: counter.Drop},
		dropNoFrames:      {Name: "no_frames", Help: "Copies that could not be made because the frame arena was exhausted.", Kind: counter.Drop},
		dropNoHeadroom:    {Name: "no_headroom", Help: "Packets without room in front for the header that was to be pushed.", Kind: counter.Drop},
		dropPortGone:      {Name: "port_gone", Help: "Packets for a port that was removed or is not open, and packets from one that waited for the slow path when it was removed.", Kind: counter.Drop},
		dropHandover:      {Name: "handover_full", Help: "Packets for a transmit queue of another worker whose hand-over ring was full.", Kind: counter.Drop},
		dropRecircDepth:   {Name: "recirc_depth", Help: "Packets taken up again more than 8 times.", Kind: counter.Drop},
		dropCloneDepth:    {Name: "clone_depth", Help: "Clones not made because they would have been nested deeper than 8.", Kind: counter.Drop},
		dropSendRate:      {Name: "controller_rate", Help: "Copies for the rule table, such as packets to the controller, beyond the rate of their input port.", Kind: counter.Drop},
		dropSendFull:      {Name: "controller_queue_full", Help: "Copies for the rule table, such as packets to the controller, beyond what their input port may have waiting.", Kind: counter.Drop},
		dropUncut:         {Name: "cannot_segment", Help: "Packets to be cut that are not TCP, or UDP, as the switch can cut it, or whose port has no room for a segment.", Kind: counter.Drop},
		dropBadOffload:    {Name: "bad_offload", Help: "Packets whose sender left a checksum to be completed in a place that they do not have.", Kind: counter.Drop},
		dropNotMapped:     {Name: "option_not_mapped", Help: "Packets out of a tunnel with a critical option that is no field of the bridge, or an option of another length than its field.", Kind: counter.Drop},
		dropTooManyClones: {Name: "too_many_clones", Help: "Clones not made because the packets of one batch, 64 at most, had 49,152 already.", Kind: counter.Drop},
	}
	return slices.Concat(action.Reasons(), own, encap.Reasons()[1:]) // all but encap.Good
}

// counters is one worker's account.
type counters struct {
	levels *counter.Block
	events *counter.Block
	drops  *counter.Block
}

func newCounters() counters {
	return counters{
		levels: counter.NewBlock(levelCounters()),
		events: counter.NewBlock(eventCounters()),
		drops:  counter.NewBlock(dropCounters()),
	}
}

func (c *counters) publish() {
	c.levels.Publish()
	c.events.Publish()
	c.drops.Publish()
}

// drop counts n packets dropped for one of the pipeline's own reasons.
func (c *counters) drop(reason int, n int) {
	c.drops.Add(int(action.NumReasons)+reason, uint64(n))
}

// dropTunnel counts n packets dropped on their way into or out of a tunnel.
func (c *counters) dropTunnel(why encap.Reason, n int) {
	c.drops.Add(int(action.NumReasons)+numDrops+int(why)-1, uint64(n))
}

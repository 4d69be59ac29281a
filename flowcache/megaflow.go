package flowcache

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/slab"
)

// Sizes chosen where Options say nothing, and their bounds.
const (
	DefaultFlows        = 65536   // flows; OVS's userspace flow limit is 200,000 for all workers together
	MaxFlows            = 4 << 20 // flows; beyond, the two bucket numbers of a hash would overlap
	DefaultMasksPerPort = 32
	MaxMasksPerPort     = 1024
	maxMasks            = 1 << 16 // mask records of a switch: 2048 ports at the default cap
	listWordsPerFlow    = 8       // of storage made by New: flows share most of their lists
	minListWords        = 1 << 16
)

// Errors of Insert.
var (
	ErrFull   = errors.New("flowcache: as many flows as there is room for")
	ErrBucket = errors.New("flowcache: both buckets of the flow are full")
	ErrPort   = errors.New("flowcache: input port is beyond those the cache serves")
	ErrExists = errors.New("flowcache: a flow with this key and mask exists")
	ErrShare  = errors.New("flowcache: the port has its share of the flows")
)

// A Slot names a megaflow while it lives. Whoever got one from a look-up may use it until its next
// tick, whatever happens to the flow. 0 names none.
type Slot uint32

// Options say how large the cache is. The zero value is good.
type Options struct {
	Flows        int        // capacity; 0: DefaultFlows, at most MaxFlows
	MasksPerPort int        // most masks of one port, besides the connection and the exact one; 0: DefaultMasksPerPort
	Seed         *flow.Seed // keys the hashes; nil: a random one
	Lists        *Lists     // what Actions and Trail of flows name; nil: storage of its own
	// Retired, if not nil, is told about each flow that was removed once no worker uses it any more,
	// with its final statistics: no packet is missing in them. The flow's trail is still there and is
	// released afterwards. It is called by the writer, within Reclaim or Insert, and must not call
	// back into the cache.
	Retired func(s Slot, st Stats, trail ListID)
}

// A Megaflow is the cache of wildcarded flows that all workers of a switch share.
//
// Thread-safety: methods of Megaflow are for the writer, one goroutine at a time, except those that
// say otherwise. Workers use a Reader each.
type Megaflow struct {
	// What workers read. The slices themselves never change.
	seed  flow.Seed
	keep  uint64 // bits of a hash that are used: all, but for tests of colliding hashes
	none  flow.Block
	exact mask // all bits
	// connection is all bits but those that differ between packets of a connection.
	connection mask
	table      table
	entries    []entry                       // by slot
	ext        [flow.FastBlocks][]flow.Block // by block and slot: extension blocks of the masked key, where the mask looks into them
	masks      []mask                        // by maskID less firstMask
	ports      []atomic.Pointer[maskList]    // by port
	whole      []atomic.Uint32               // by port: the flow that all its packets are of, Reader.Whole

	lists  *Lists
	epochs *Epochs

	// The writer's.
	baselines    []baseline // by slot
	maskInfo     []maskInfo
	listing      [maxPorts / 64]uint64 // bit i of word w: port 64*w+i lists masks
	wants        map[uint32]*wants     // of ports that have all their masks
	sighted      sightings
	shares       shares
	masksPerPort int
	retired      func(Slot, Stats, ListID)
	counters     *counter.Block
	flows        atomic.Int64
	next         Slot // slots from here on were never used
	free         Slot // head of the free slots
	oldest       Slot // removed slots that wait for their stamp, in order
	newest       Slot
	nextMask     maskID // the same four for masks
	freeMask     maskID
	oldMask      maskID
	newestMask   maskID

	mu        sync.Mutex // guards changes of tallyList
	tallyList atomic.Pointer[[]*tally]
}

// An entry is a flow: 128 bytes, two cache lines side by side, which cost a look-up one translation
// and, with most processors' prefetchers, little more than one miss.
type entry struct {
	base flow.Block // masked; plain: it does not change while the slot can be found
	// gen counts the lives of the slot: odd while a flow is in it. Written by the writer, read by
	// workers with an EMC entry.
	gen     atomic.Uint64
	verdict atomic.Uint64 // Flow.Actions in the lower half, Flow.Version in the upper: workers see both change at once
	mask    maskID        // plain, as base
	trail   ListID        // this and the rest: only the writer's
	next    Slot          // in the list of free slots, or of removed ones
	blocks  uint8         // which blocks the key has that the flow was made from
	stamp   uint64        // of the removal
	tags    uint64
	rewrote uint64
	added   int64 // ns: Flow.Now
}

// verdictOf returns what an entry's word says.
func verdictOf(actions ListID, version uint32) uint64 { return uint64(version)<<32 | uint64(actions) }

// actions returns the program of the flow that e is.
func (e *entry) actions() ListID { return ListID(e.verdict.Load()) }

// A baseline is the sums of a slot's rows when its flow was inserted.
type baseline struct {
	packets uint64
	bytes   uint64
	used    int64 // ns
}

// New returns an empty cache. Its memory is reserved at once and touched as flows come, lower slots
// first.
func New(o Options) (*Megaflow, error) {
	if o.Flows == 0 {
		o.Flows = DefaultFlows
	}
	if o.Flows < 1 || o.Flows > MaxFlows {
		return nil, fmt.Errorf("flowcache: capacity of %d flows is not from 1 to %d", o.Flows, MaxFlows)
	}
	if o.MasksPerPort == 0 {
		o.MasksPerPort = DefaultMasksPerPort
	}
	if o.MasksPerPort < 1 || o.MasksPerPort > MaxMasksPerPort {
		return nil, fmt.Errorf("flowcache: %d masks per port is not from 1 to %d", o.MasksPerPort, MaxMasksPerPort)
	}
	if o.Lists == nil {
		o.Lists = NewLists(max(o.Flows*listWordsPerFlow, minListWords))
	}
	masks := min(o.Flows, maxMasks)
	m := &Megaflow{
		keep:         ^uint64(0),
		ports:        make([]atomic.Pointer[maskList], maxPorts),
		lists:        o.Lists,
		epochs:       o.Lists.Epochs(),
		masksPerPort: o.MasksPerPort,
		retired:      o.Retired,
		counters:     counter.NewBlock(counterTable()),
		next:         1,
		nextMask:     firstMask,
		wants:        make(map[uint32]*wants),
	}
	m.table = newTable(m, o.Flows)
	m.entries = slab.New[entry](m, o.Flows+1)
	for b := flow.Base + 1; b < flow.FastBlocks; b++ {
		m.ext[b] = slab.New[flow.Block](m, o.Flows+1)
	}
	m.whole = slab.New[atomic.Uint32](m, maxPorts)
	m.sighted = slab.New[uint32](m, 1<<bits.Len(uint(o.Flows-1)))
	m.baselines = slab.New[baseline](m, o.Flows+1)
	m.masks = slab.New[mask](m, masks)
	m.maskInfo = slab.New[maskInfo](m, int(firstMask)+masks)
	m.shares.of, m.shares.capacity = slab.New[share](m, maxPorts), o.Flows
	if o.Seed != nil {
		m.seed = *o.Seed
	} else {
		m.seed = flow.NewSeed()
	}
	m.setExact()
	return m, nil
}

// Lists returns where the lists lie that flows name.
func (m *Megaflow) Lists() *Lists { return m.lists }

// Epochs returns the grace periods of the cache and its lists.
func (m *Megaflow) Epochs() *Epochs { return m.epochs }

// Len returns the number of flows. Safe for any goroutine.
func (m *Megaflow) Len() int { return int(m.flows.Load()) }

// Cap returns how many flows there is room for. Safe for any goroutine.
func (m *Megaflow) Cap() int { return len(m.entries) - 1 }

// Synchronize returns when no worker uses anything that was removed or replaced before the call. Safe
// for any goroutine that is not a worker; the lock of the writer need not be held.
func (m *Megaflow) Synchronize() {
	// The error would be the context's, and this one never ends.
	_ = m.epochs.Synchronize(context.Background())
}

// block returns block b of the masked key in slot s.
func (m *Megaflow) block(b int, s Slot) *flow.Block {
	if b == flow.Base {
		return &m.entries[s].base
	}
	return &m.ext[b][s]
}

// names reports whether s was ever given out.
func (m *Megaflow) names(s Slot) bool { return s != 0 && s < m.next }

// live reports whether there is a flow in slot s.
func (m *Megaflow) live(s Slot) bool { return m.names(s) && m.entries[s].gen.Load()&1 != 0 }

package openflow

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/fdb"
	"github.com/culvertdev/culvert/datapath/rules/mdb"
	"github.com/culvertdev/culvert/datapath/rules/openflow/classifier"
	"github.com/culvertdev/culvert/datapath/tunnel"
	"github.com/culvertdev/culvert/flowcache/flow"
)

var (
	_ rules.Table      = (*Table)(nil)
	_ rules.PortUser   = (*Table)(nil)
	_ rules.Holder     = (*Table)(nil)
	_ rules.Settler    = (*Table)(nil)
	_ rules.MeterUser  = (*Table)(nil)
	_ rules.Receiver   = (*Table)(nil)
	_ rules.SenderUser = (*Table)(nil)
	_ rules.TunnelUser = (*Table)(nil)
)

// Options are the settings of a bridge's rule table. The zero value is that of a new OVS bridge.
type Options struct {
	MACTableSize int           // addresses NORMAL learns; 0: fdb.DefaultCapacity
	MACAgeing    time.Duration // how long it keeps those unused; 0: fdb.DefaultAgeing
	// ForwardBPDU: NORMAL forwards link-local control addresses (ovs-vswitchd.conf.db(5),
	// other_config:forward-bpdu).
	ForwardBPDU bool
	// FloodVLANs are VLANs in which NORMAL learns nothing and floods (ovs-vswitchd.conf.db(5),
	// flood_vlans). The table keeps the slice.
	FloodVLANs []uint16
	Snooping   Snooping
	// PacketInRate and PacketInBurst limit what goes to controllers, in packets/s and packets; 0:
	// DefaultPacketInRate and DefaultPacketInBurst.
	PacketInRate, PacketInBurst int
	// Fragments is what rules see of IP fragments.
	Fragments Fragments
	// Clock returns the time in ns on the clock of rules.Query.Now; nil: CLOCK_MONOTONIC.
	Clock func() int64
	// Seed keys the table's hashes; 0: a random one.
	Seed uint64
}

// A Table is the rule table of one bridge: 255 OpenFlow tables, and the addresses and multicast groups that
// NORMAL learned.
// New makes one.
//
// Thread-safety: all methods may be called at the same time. Look-ups do not wait for each other,
// except for the moment in which they ask for an address; they wait for changes of rules and ports.
type Table struct {
	salt  uint64
	clock func() int64
	fdb   *fdb.Table
	mdb   *mdb.Table
	log   changeLog
	// edition is the log's version when the rules had last been changed. Written with the write lock.
	edition atomic.Uint64

	paths     paths
	contexts  *contexts
	packetIns packetIns

	waiting     tunnel.Waiting
	tunnellings sync.Pool // of *tunnelling
	hearings    sync.Pool // of *hearing

	bondCounts    bondCounts
	sourcesCount  atomic.Bool // verdicts may depend on where their source is
	tunnelOptions atomic.Pointer[flow.TLVMap]

	mu          sync.RWMutex
	forwardBPDU bool
	floodVLANs  *vlanSet
	snooping    Snooping
	fragments   Fragments
	ports       *ports
	given       []rules.Port // as the switch has them
	bonds       []*bonded    // in the order of the user
	lastBond    uint32       // id that was given last
	mirrors     *mirrors
	mirrorList  []*mirror                              // all, in the order of the user
	lastMirror  uint32                                 // id that was given last
	tables      [NoTable]*classifier.Classifier[*rule] // nil: empty
	groups      map[uint32]*group
	groupGen    uint16 // of the last group
	slots       []slot
	unused      []uint32 // slots
	deadlines   schedule // rules with a timeout
	limits      limits
	subscribers []*Subscription
	settledAt   int64 // ns: traffic until then has been credited; 0: nobody has said
	dying       []dying
	sender      rules.Sender // nil: none was lent
	learners    learners
	meters      meters
	orphans     []learnedCookie // cookies whose flows go when the change under way is done
}

// New returns a table without rules, which drops everything.
func New(o Options) (*Table, error) {
	f, err := fdb.New(fdb.Options{Capacity: o.MACTableSize, Ageing: o.MACAgeing})
	if err != nil {
		return nil, err
	}
	m, err := mdb.New(o.Snooping.options())
	if err != nil {
		return nil, err
	}
	if o.Clock == nil {
		o.Clock = monotonic
	}
	if o.Seed == 0 {
		o.Seed = rand.Uint64()
	}
	t := &Table{
		salt: o.Seed, clock: o.Clock, fdb: f, mdb: m, forwardBPDU: o.ForwardBPDU, fragments: o.Fragments, snooping: o.Snooping,
		floodVLANs: newVLANSet(o.FloodVLANs), ports: newPorts(nil, nil), contexts: newContexts(o.Clock), groups: make(map[uint32]*group),
		learners: make(learners), meters: meters{byID: make(map[uint32]*meterEntry)},
	}
	t.newEdition()
	t.packetIns.limit(o.PacketInRate, o.PacketInBurst)
	t.tunnellings.New = func() any { return new(tunnelling) }
	t.hearings.New = func() any { return new(hearing) }
	return t, nil
}

// SetOptions changes the settings, clock and seed excepted. On an error it changes nothing.
func (t *Table) SetOptions(o Options) error {
	listen := o.Snooping.options()
	if err := listen.Check(); err != nil {
		return err
	}
	changed, err := t.fdb.SetOptions(fdb.Options{Capacity: o.MACTableSize, Ageing: o.MACAgeing}, nil)
	if err != nil {
		return err
	}
	t.forgotten(changed)
	t.setSnooping(o.Snooping)
	t.packetIns.limit(o.PacketInRate, o.PacketInBurst)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.forwardBPDU != o.ForwardBPDU {
		t.forwardBPDU = o.ForwardBPDU
		t.log.add(change{tag: t.portsTag()}) // which verdicts about those addresses have
	}
	if t.fragments != o.Fragments {
		t.fragments = o.Fragments
		t.log.add(change{tag: ^uint64(0)}) // which of IP's verdicts saw a fragment is not known
	}
	if flood := newVLANSet(o.FloodVLANs); *t.floodVLANs != *flood {
		t.floodVLANs = flood
		t.flush(fdb.Filter{}) // as OVS does
		t.log.add(change{tag: t.floodVLANsTag()})
	}
	return nil
}

// valid says why f cannot be in a table.
func (f *Flow) valid() error {
	if f.Table == NoTable {
		return fmt.Errorf("want a table of 0 to %d, found %d", NoTable-1, f.Table)
	}
	if _, err := checkList(f.Actions); err != nil {
		return err
	}
	if n := len(f.Actions); n > 0 {
		if g, ok := f.Actions[n-1].(*GotoTable); ok && g.Table <= f.Table {
			return fmt.Errorf("goto_table:%d: want a later table than %d", g.Table, f.Table)
		}
	}
	return nil
}

// selected returns the rules that x selects. The caller holds a lock.
func (t *Table) selected(x *Filter) []*rule {
	var list []*rule
	for i, c := range t.tables {
		if c == nil || x.Table != NoTable && int(x.Table) != i {
			continue
		}
		if x.Strict {
			if r := c.Find(&x.Match, x.Priority); r != nil && x.selects(&r.Value.Flow) {
				list = append(list, r.Value)
			}
			continue
		}
		c.All(func(r *classifier.Rule[*rule]) bool {
			if x.selects(&r.Value.Flow) {
				list = append(list, r.Value)
			}
			return true
		})
	}
	return list
}

// find returns the rule of f's table, match and priority; nil when there is none. The caller holds a
// lock.
func (t *Table) find(f *Flow) *rule {
	c := t.tables[f.Table]
	if c == nil {
		return nil
	}
	if r := c.Find(&f.Match, f.Priority); r != nil {
		return r.Value
	}
	return nil
}

// Len returns the number of flows in all tables.
func (t *Table) Len() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.len()
}

func (t *Table) len() int {
	n := 0
	for _, c := range t.tables {
		if c != nil {
			n += c.Len()
		}
	}
	return n
}

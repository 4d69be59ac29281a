package reval

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/version"
	"github.com/culvertdev/culvert/flowcache"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// fixed is a rule table of one rule for all packets, with change as the last thing that changed.
type fixed struct {
	version uint64
	change  rules.Change
	sum     uint64
}

func (t *fixed) Lookup(_ *rules.Query, v *rules.Verdict) error {
	v.Mask.SetExact(flow.FieldIPSrc)
	v.Actions.Output(2)
	v.Trail = append(v.Trail, 1)
	v.Tags = 1
	return nil
}

func (t *fixed) Changes(since uint64, c *rules.ChangeSet) uint64 {
	switch {
	case since == 0:
		c.All = true
	case since < t.version:
		c.Changes = append(c.Changes, t.change)
	}
	return t.version
}

func (t *fixed) Credit(_ []uint64, packets, _ uint64, _ int64) { t.sum += packets }

// desk is a revalidator over a cache that the test fills.
type desk struct {
	*Revalidator
	table  *fixed
	reader *flowcache.Reader
	slots  []flowcache.Slot
	now    int64
}

// newDesk returns a revalidator over a cache with room for room flows and n of them, from port 1, that have
// seen no packet.
func newDesk(tb testing.TB, room, n int) *desk {
	d := &desk{table: &fixed{version: 1}}
	lists := flowcache.NewLists(1 << 16)
	flows, err := flowcache.New(flowcache.Options{
		Flows: room, Lists: lists,
		Retired: func(s flowcache.Slot, st flowcache.Stats, trail flowcache.ListID) { d.Retired(s, st, trail) },
	})
	if err != nil {
		tb.Fatal(err)
	}
	tables := []rules.Table{d.table}
	d.Revalidator = New(Config{
		Flows: flows, Lists: lists, Book: new(version.Book), Locked: func(fn func()) { fn() },
		Tables:  func() []rules.Table { return tables },
		TableOf: func(uint32) rules.Table { return d.table },
		Now:     func() int64 { return d.now }, MaxIdle: time.Second,
	})
	d.reader = flows.NewReader()
	d.reader.Offline() // what the test does, it does between two walks
	var v rules.Verdict
	var f flowcache.Flow
	binary.BigEndian.PutUint32(f.Key[flow.Base][flow.OffInPort:], 1)
	for i := range n {
		v.Reset()
		if err := d.table.Lookup(nil, &v); err != nil {
			tb.Fatal(err)
		}
		binary.BigEndian.PutUint32(f.Key.Bytes(flow.FieldIPSrc), uint32(i))
		f.Mask, f.Tags = v.Mask, v.Tags
		f.Actions, _ = lists.Intern(v.Actions.Words())
		f.Trail, _ = lists.Intern(v.Trail)
		s, err := flows.Insert(&f)
		if err != nil {
			continue // both buckets of a flow may be full before the cache is
		}
		d.Installed(s, d.table)
		d.slots = append(d.slots, s)
	}
	d.Walk()
	return d
}

// value returns a counter.
func (d *desk) value(i int) uint64 { return d.counters.Value(i) }

func TestAWalkCreditsWhatCameSinceTheLast(t *testing.T) {
	d := newDesk(t, 2000, 1000)
	want := uint64(0)
	for round := range uint64(5) {
		for i, s := range d.slots {
			d.reader.Credit(s, round, 100*round, d.now)
			want += round
			if i%3 == 0 {
				d.reader.Credit(s, 1, 60, d.now)
				want++
			}
		}
		d.now += 1000
		d.Walk()
		if d.table.sum != want {
			t.Fatalf("round %d: %d packets credited, want %d", round, d.table.sum, want)
		}
	}
}

func TestPacketsCountedWhileAFlowIsRemovedAreCredited(t *testing.T) {
	d := newDesk(t, 2000, 10)
	s := d.slots[3]
	d.reader.Online()
	d.reader.Credit(s, 1, 60, 0)
	d.Flows.Remove(s)
	d.reader.Credit(s, 2, 120, 0) // a worker that had found the flow before
	d.reader.Offline()
	d.Flows.Reclaim()
	if d.table.sum != 3 {
		t.Errorf("%d packets credited, want 3", d.table.sum)
	}
}

func TestIdleFlowsGoAndUsedOnesStay(t *testing.T) {
	d := newDesk(t, 2000, 100)
	n := len(d.slots)
	d.now = int64(900 * time.Millisecond)
	for _, s := range d.slots[:n/2] {
		d.reader.Credit(s, 1, 60, d.now)
	}
	d.Walk()
	if got := d.value(Idle); got != 0 {
		t.Errorf("%d flows removed after 0.9 s, want none", got)
	}
	d.now = int64(1100 * time.Millisecond)
	d.Walk()
	if got := d.value(Idle); got != uint64(n-n/2) || d.Flows.Len() != n/2 {
		t.Errorf("%d flows removed and %d left after 1.1 s, want %d and %d", got, d.Flows.Len(), n-n/2, n/2)
	}
}

func TestFlowsIdleOutEarlierWhenTheCacheIsNearlyFull(t *testing.T) {
	d := newDesk(t, 1000, 1000)
	if !d.Flows.Tight() {
		t.Skipf("only %d of %d flows found room", d.Flows.Len(), d.Flows.Cap())
	}
	d.now = int64(2 * crowded)
	d.Walk()
	if n := d.Flows.Len(); n != 0 {
		t.Errorf("%d flows left, want none", n)
	}
}

func TestTheLedgerKeepsTablesApart(t *testing.T) {
	lists := flowcache.NewLists(64)
	l := newLedger(t, lists, 8)
	tables := []*fixed{{}, {}, {}}
	for i, table := range tables {
		l.assign(flowcache.Slot(i+1), table)
	}
	for i := range tables {
		l.settle(flowcache.Slot(i+1), &flowcache.Stats{Packets: uint64(i + 1)}, 0)
	}
	l.close(2)
	l.forget(tables[1])
	l.settle(2, &flowcache.Stats{Packets: 100}, 0) // nobody's
	fourth := &fixed{}
	l.assign(2, fourth)
	l.settle(2, &flowcache.Stats{Packets: 104}, 0)
	for i, want := range []uint64{1, 2, 3} {
		if tables[i].sum != want {
			t.Errorf("table %d has %d packets, want %d", i, tables[i].sum, want)
		}
	}
	if fourth.sum != 4 {
		t.Errorf("the table that came later has %d packets, want 4", fourth.sum)
	}
	if len(l.tables) != 4 {
		t.Errorf("%d numbers in use, want the freed one to be used again", len(l.tables))
	}
}

func TestAWalkAllocatesNothing(t *testing.T) {
	d := newDesk(t, 2000, 1000)
	if n := testing.AllocsPerRun(20, func() {
		d.table.version++
		d.table.change = rules.Change{Tag: 1}
		d.Walk()
		d.Due()
		d.Rest()
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// BenchmarkWalk is what the revalidator does twice a second, over caches of the default size and of a
// large switch: every flow has had a packet since the walk before, and no, one or every flow is concerned
// by a change.
func BenchmarkWalk(b *testing.B) {
	for _, flows := range []int{65536, 1 << 20} {
		for _, change := range []struct {
			name string
			rules.Change
		}{{"unconcerned", rules.Change{Tag: 2}}, {"looked-up-again", rules.Change{Tag: 1}}} {
			b.Run(fmt.Sprintf("%s/%dflows", change.name, flows), func(b *testing.B) {
				d := newDesk(b, flows, flows)
				d.table.change = change.Change
				b.ReportAllocs()
				for b.Loop() {
					b.StopTimer()
					d.table.version++
					d.now += 1000
					for _, s := range d.slots {
						d.reader.Credit(s, 1, 60, d.now)
					}
					b.StartTimer()
					d.Walk()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(d.slots)), "ns/flow")
			})
		}
	}
}

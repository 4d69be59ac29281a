package openflow

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// A group is a Group in a table. It does not change, but for what it counts: another one takes its place.
type group struct {
	Group
	run    [][]Action // what each bucket does: its action set in order
	spread []uint16   // of a select group: see newSpread
	// gen tells the groups apart that had the same number; places are those of the buckets in stats.
	gen    uint16
	places []uint16
	stats  *groupStats
	added  int64 // ns
}

// groupStats is what a group has counted. A bucket keeps its place while others come and go; those that
// went leave theirs empty.
type groupStats struct {
	*traffic
	buckets []*traffic
}

// traffic counts packets and bytes.
type traffic struct{ packets, bytes atomic.Uint64 }

func (t *traffic) credit(packets, bytes uint64) {
	t.packets.Add(packets)
	t.bytes.Add(bytes)
}

// clone returns statistics that count on where s does, to which buckets can be added.
func (s *groupStats) clone() *groupStats {
	return &groupStats{s.traffic, slices.Clone(s.buckets)}
}

// newBucket returns the place of a new bucket.
func (s *groupStats) newBucket() uint16 {
	s.buckets = append(s.buckets, new(traffic))
	return uint16(len(s.buckets) - 1)
}

// creditBucket is Credit of a group and its buckets.
func (t *Table) creditBucket(w, packets, bytes uint64) {
	g := t.groups[uint32(w)]
	if g == nil || g.word(0)>>48 != w>>48 {
		return
	}
	g.stats.credit(packets, bytes)
	place := uint16(w >> 32)
	for _, p := range g.places {
		if p == place || place == everyBucket {
			g.stats.buckets[p].credit(packets, bytes)
		}
	}
}

// nextGen returns a generation for a group. The caller holds the write lock.
func (t *Table) nextGen() uint16 {
	t.groupGen = (t.groupGen + 1) & trailGroupGen
	return t.groupGen
}

// valid says why g cannot be in a table.
func (g *Group) valid() error {
	switch {
	case g.ID > MaxGroup:
		return fmt.Errorf("want a group of 0 to %d, found %d", uint32(MaxGroup), g.ID)
	case len(g.Buckets) > maxBuckets:
		return fmt.Errorf("want at most %d buckets, found %d", maxBuckets, len(g.Buckets))
	case g.Type == GroupSelect && len(g.Buckets) > maxSelect:
		return fmt.Errorf("want at most %d buckets to select from, found %d", maxSelect, len(g.Buckets))
	case g.Type == GroupIndirect && len(g.Buckets) != 1:
		return fmt.Errorf("want one bucket in an indirect group, found %d", len(g.Buckets))
	case g.Type != GroupSelect && (g.Method != SelectDefault || g.Param != 0):
		return fmt.Errorf("want a selection method in groups of type select only, found one in type %s", g.Type)
	case len(g.Fields) > 0 && g.Method != SelectHash:
		return errors.New("fields: want them with selection_method=hash only")
	case g.Method == SelectDPHash && g.Param>>32 > 1:
		return fmt.Errorf("selection_method_param: want algorithm 0 or 1 in the upper 32 bits, found %d", g.Param>>32)
	}
	for i := range g.Buckets {
		if err := g.Buckets[i].valid(g.Type); err != nil {
			return fmt.Errorf("bucket %d: %w", i+1, err)
		}
	}
	return nil
}

func (k *Bucket) valid(t GroupType) error {
	switch {
	case t != GroupSelect && k.Weight != 1:
		return errors.New("want a weight in groups of type select only")
	case t == GroupFastFailover && k.WatchPort == 0 && k.WatchGroup == NoGroup:
		return errors.New("want watch_port or watch_group in a group of type ff")
	}
	for _, a := range k.Actions {
		if setSlotOf(a) == slotNone {
			return fmt.Errorf("want actions that an action set can hold, found %q", actionName(a))
		}
	}
	return nil
}

// number gives the buckets that have no id the lowest free ones, and refuses ids that are there twice.
func number(buckets []Bucket) error {
	taken := make(map[uint32]bool, len(buckets))
	for i := range buckets {
		id := buckets[i].ID
		if id != NoGroup && taken[id] {
			return fmt.Errorf("bucket_id: want each once, found %d twice", id)
		}
		taken[id] = true
	}
	next := uint32(0)
	for i := range buckets {
		if buckets[i].ID != NoGroup {
			continue
		}
		for taken[next] {
			next++
		}
		buckets[i].ID, taken[next] = next, true
	}
	return nil
}

// checkGroups says which group that actions name is not among groups.
func checkGroups(list []Action, groups map[uint32]*group) (err error) {
	contains(list, func(a Action) bool {
		if g, ok := a.(*GroupAction); ok && groups[g.ID] == nil {
			err = fmt.Errorf("group %d: %v", g.ID, ErrNoGroup) // not itself: what is wrong is what names the group
		}
		return err != nil
	})
	return err
}

func errNoGroup(id uint32) error { return fmt.Errorf("group %d: %w", id, ErrNoGroup) }

// OutputsToGroup reports whether an action of the flow names a group.
func (f *Flow) OutputsToGroup(id uint32) bool {
	return contains(f.Actions, func(a Action) bool {
		g, ok := a.(*GroupAction)
		return ok && g.ID == id
	})
}

// GroupStats is a group in a table and what it has counted.
type GroupStats struct {
	Group
	Packets, Bytes uint64
	Duration       time.Duration // since it was added
	Refs           int           // flows that name it
	Buckets        []BucketStats // in the order of Group.Buckets
}

// BucketStats is what a bucket has counted.
type BucketStats struct{ Packets, Bytes uint64 }

// Groups returns the groups, by number.
func (t *Table) Groups() []GroupStats {
	now := t.clock()
	t.mu.RLock()
	defer t.mu.RUnlock()
	refs := t.groupRefs()
	list := make([]GroupStats, 0, len(t.groups))
	for _, g := range t.groups {
		s := GroupStats{
			Group: g.Group, Packets: g.stats.packets.Load(), Bytes: g.stats.bytes.Load(),
			Duration: since(g.added, now), Refs: refs[g.ID],
		}
		for _, place := range g.places {
			k := g.stats.buckets[place]
			s.Buckets = append(s.Buckets, BucketStats{k.packets.Load(), k.bytes.Load()})
		}
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b GroupStats) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// groupRefs counts the flows that name each group. The caller holds a lock.
func (t *Table) groupRefs() map[uint32]int {
	refs := make(map[uint32]int)
	if len(t.groups) == 0 {
		return refs
	}
	all := AllFlows()
	for _, r := range t.selected(&all) {
		seen := make(map[uint32]bool)
		contains(r.Actions, func(a Action) bool {
			if g, ok := a.(*GroupAction); ok && !seen[g.ID] {
				seen[g.ID] = true
				refs[g.ID]++
			}
			return false
		})
	}
	return refs
}

// Text returns the group's counters in the form of ovs-ofctl dump-group-stats, without the space in front.
func (s *GroupStats) Text() string {
	b := fmt.Appendf(nil, "group_id=%d,duration=%.3fs,ref_count=%d,packet_count=%d,byte_count=%d",
		s.ID, s.Duration.Seconds(), s.Refs, s.Packets, s.Bytes)
	for i, k := range s.Buckets {
		b = fmt.Appendf(b, ",bucket%d:packet_count=%d,byte_count=%d", i, k.Packets, k.Bytes)
	}
	return string(b)
}

package bond

import "slices"

// share gives buckets without an enabled member one, and those that nothing was sent by to the members that have fewest,
// so that a link that comes gets its part. What carries load is left to rebalance: it is moved for a reason only.
func (b *Bond) share(ch *Changes) {
	if b.cfg.Mode == ActiveBackup {
		return
	}
	count := make(map[*member]int, len(b.members))
	var enabled []*member
	for _, m := range b.members {
		if m.enabled {
			enabled = append(enabled, m)
		}
	}
	for _, m := range b.buckets {
		count[m]++
	}
	fewest := func() *member {
		return slices.MinFunc(enabled, func(x, y *member) int { return count[x] - count[y] })
	}
	for i, m := range b.buckets {
		var to *member
		if len(enabled) > 0 {
			to = fewest()
		}
		live := m != nil && m.enabled && b.byID[m.ID] == m
		if live && (count[m] <= count[to]+1 || b.load[i].Load() > 0) || m == to {
			continue
		}
		count[m]--
		count[to]++
		b.buckets[i] = to
		ch.Buckets = append(ch.Buckets, uint8(i))
	}
}

// Account counts bytes that went out by a bucket.
func (b *Bond) Account(bucket uint8, bytes uint64) { b.load[bucket].Add(bytes) }

// Differences in load that are not worth a move (ovs-vswitchd of 3.1 has the same).
const (
	fewBytes = 100_000
	fewParts = 32 // of the lesser load
)

// rebalance moves buckets from members with most load to those with least, once in an interval, and lets what is known of
// the load fade: a half in each interval.
func (b *Bond) rebalance(now int64, ch *Changes) {
	if b.cfg.Mode == ActiveBackup || b.cfg.Rebalance == 0 {
		return
	}
	if b.nextRebalance == 0 {
		b.nextRebalance = now + int64(b.cfg.Rebalance)
	}
	if now < b.nextRebalance {
		return
	}
	b.nextRebalance = now + int64(b.cfg.Rebalance)
	s := scales{bond: b, loads: make(map[*member]uint64)}
	for i, m := range b.buckets {
		if m != nil {
			s.loads[m] += b.load[i].Load()
		}
	}
	for _, m := range b.members {
		if m.enabled {
			s.members = append(s.members, m)
		}
	}
	for s.moveOne(ch) {
	}
	for i := range b.load {
		half := (b.load[i].Load() + 1) / 2
		b.load[i].Add(-half) // beside Account, of which nothing is lost
	}
	b.share(ch)
}

// scales are the loads of members while buckets are moved between them.
type scales struct {
	bond    *Bond
	members []*member // that may still get or give
	loads   map[*member]uint64
	moved   [Buckets]bool
}

// moveOne moves one bucket from the member with most load to that with least, and reports whether there may be more to do.
func (s *scales) moveOne(ch *Changes) bool {
	if len(s.members) < 2 {
		return false
	}
	slices.SortStableFunc(s.members, func(x, y *member) int {
		switch {
		case s.loads[x] > s.loads[y]:
			return -1
		case s.loads[x] < s.loads[y]:
			return 1
		}
		return 0
	})
	from, to := s.members[0], s.members[len(s.members)-1]
	over := s.loads[from] - s.loads[to]
	if over < fewBytes || over < s.loads[to]/fewParts {
		return false
	}
	i, ok := s.choose(from, over)
	if !ok {
		s.members = s.members[1:]
		return true
	}
	n := s.bond.load[i].Load()
	s.loads[from] -= min(n, s.loads[from])
	s.loads[to] += n
	s.bond.buckets[i], s.moved[i] = to, true
	ch.Buckets = append(ch.Buckets, uint8(i))
	return true
}

// choose returns the bucket whose move makes two members most alike, one of which has over bytes more. A member keeps its
// last bucket with load.
func (s *scales) choose(from *member, over uint64) (bucket int, ok bool) {
	best, loaded := over, 0
	for i, m := range s.bond.buckets {
		n := s.bond.load[i].Load()
		if m != from || n == 0 {
			continue
		}
		loaded++
		if s.moved[i] {
			continue
		}
		left := max(over, 2*n) - min(over, 2*n)
		if left < best {
			best, bucket, ok = left, i, true
		}
	}
	return bucket, ok && loaded > 1
}

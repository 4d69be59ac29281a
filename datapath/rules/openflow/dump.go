package openflow

import (
	"cmp"
	"slices"
	"time"
)

// A FlowStats is a flow in a table and what it has counted.
type FlowStats struct {
	Flow
	Packets, Bytes uint64
	Duration       time.Duration // since it was added
	Idle           time.Duration // since its last packet, or since it was added
	HardAge        time.Duration // since it was added or modified
}

// Flows returns the flows that x selects, by table, the highest priority first.
func (t *Table) Flows(x Filter) []FlowStats {
	now := t.clock()
	t.mu.RLock()
	var list []FlowStats
	for _, r := range t.selected(&x) {
		list = append(list, FlowStats{
			Flow: r.Flow, Packets: r.packets.Load(), Bytes: r.bytes.Load(),
			Duration: since(r.added, now), Idle: since(r.used.Load(), now), HardAge: since(r.modified.Load(), now),
		})
	}
	t.mu.RUnlock()
	type sortable struct {
		*FlowStats
		text string
	}
	order := make([]sortable, len(list))
	for i := range list {
		order[i] = sortable{&list[i], list[i].Match.String()}
	}
	slices.SortFunc(order, func(a, b sortable) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), -cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.text, b.text))
	})
	sorted := make([]FlowStats, len(list))
	for i := range order {
		sorted[i] = *order[i].FlowStats
	}
	return sorted
}

// since returns the time from then to now; the clock of packets may be ahead of ours by a moment.
func since(then, now int64) time.Duration { return time.Duration(max(0, now-then)) }

package openflow

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// EventKind says what happened to a flow.
type EventKind uint8

// What happens to flows.
const (
	FlowAdded EventKind = iota
	FlowModified
	FlowDeleted
	// FlowRemoved comes after FlowDeleted for flows with send_flow_rem, when all packets that the flow has
	// handled are in its counts.
	FlowRemoved
)

func (k EventKind) String() string { return [...]string{"ADDED", "MODIFIED", "DELETED", "REMOVED"}[k] }

// A Removal is why a flow was deleted. The words are those of ovs-ofctl monitor.
type Removal uint8

// Why flows go.
const (
	RemovedByDelete   Removal = iota // a change deleted or replaced it
	RemovedByIdle                    // idle_timeout
	RemovedByHard                    // hard_timeout
	RemovedByGroup                   // the group it outputs to is gone
	RemovedByMeter                   // the meter it uses is gone
	RemovedByEviction                // another flow needed its place
)

func (r Removal) String() string {
	return [...]string{"delete", "idle", "hard", "group_delete", "meter_delete", "eviction"}[r]
}

// An Event is a change of one flow. A flow that replaces another of its match and priority is an event of
// that other one, deleted, and one of its own, added.
type Event struct {
	Kind   EventKind
	Reason Removal // FlowDeleted, FlowRemoved
	Flow   *Flow   // as it is now, or was at last; nobody changes it
	// Packets and Bytes are what the flow has counted: in FlowRemoved all there is, in others without
	// what the caches have not credited yet.
	Packets, Bytes uint64
	Duration       time.Duration // since the flow was added
}

// Text returns the event in the form of ovs-ofctl monitor: FlowRemoved as an OFPT_FLOW_REMOVED, others as
// after watch:, without the space in front, and with the priority, which OVS leaves out.
func (e *Event) Text() string {
	if e.Kind == FlowRemoved {
		return fmt.Sprintf("%s reason=%s table_id=%d cookie:0x%x duration%.3fs idle%d hard%d pkts%d bytes%d", e.Flow.appendSelector(nil, nil),
			e.Reason, e.Flow.Table, e.Flow.Cookie, e.Duration.Seconds(), e.Flow.IdleTimeout, e.Flow.HardTimeout, e.Packets, e.Bytes)
	}
	b := fmt.Appendf(nil, "event=%s ", e.Kind)
	if e.Kind == FlowDeleted {
		b = fmt.Appendf(b, "reason=%s ", e.Reason)
	}
	b = fmt.Appendf(b, "table=%d ", e.Flow.Table)
	if e.Flow.IdleTimeout != 0 {
		b = fmt.Appendf(b, "idle_timeout=%d ", e.Flow.IdleTimeout)
	}
	if e.Flow.HardTimeout != 0 {
		b = fmt.Appendf(b, "hard_timeout=%d ", e.Flow.HardTimeout)
	}
	return string(e.Flow.appendRule(fmt.Appendf(b, "cookie=0x%x ", e.Flow.Cookie), nil))
}

// A Subscription hears of a table's flows. Its queue is bounded: a subscriber that does not keep up loses
// events, never the table's time, and Lost counts them.
type Subscription struct {
	// C delivers the events in order. Close closes it.
	C <-chan Event

	to     chan Event
	table  *Table
	filter Filter
	lost   atomic.Uint64
}

// Subscribe returns a subscription to the flows that x selects, with room for queue events; x must not be
// strict. An event belongs to it if the flow as it is now, or was when deleted, is selected.
func (t *Table) Subscribe(x Filter, queue int) *Subscription {
	s := &Subscription{to: make(chan Event, queue), table: t, filter: x}
	s.C = s.to
	t.mu.Lock()
	defer t.mu.Unlock()
	t.subscribers = append(t.subscribers, s)
	return s
}

// Lost returns how many events found the queue full.
func (s *Subscription) Lost() uint64 { return s.lost.Load() }

// Close ends the subscription. It may be called again.
func (s *Subscription) Close() {
	t := s.table
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.Index(t.subscribers, s); i >= 0 {
		t.subscribers = slices.Delete(t.subscribers, i, i+1)
		close(s.to)
	}
}

// tell tells the subscribers. The caller holds the write lock.
func (t *Table) tell(e Event) {
	for _, s := range t.subscribers {
		x := &s.filter
		if x.Table != NoTable && x.Table != e.Flow.Table || !x.selects(e.Flow) {
			continue
		}
		select {
		case s.to <- e:
		default:
			s.lost.Add(1)
		}
	}
}

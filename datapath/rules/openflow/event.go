package openflow

import (
	"fmt"
	"slices"
	"strings"
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
	// NoActions: Text leaves them out.
	NoActions bool

	before *ruleState // FlowModified
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
	b = append(appendHexNumber(append(b, "cookie="...), e.Flow.Cookie), ' ')
	if e.NoActions {
		return strings.TrimSuffix(string(e.Flow.appendSelector(b, nil)), " ")
	}
	return string(e.Flow.appendRule(b, nil))
}

// A Subscription hears of a table's flows. Its queue is bounded: a subscriber that does not keep up loses
// events, never the table's time, and Lost counts them.
type Subscription struct {
	// C delivers the events in order. Close closes it.
	C <-chan Event

	to    chan Event
	table *Table
	watch Watch
	lost  atomic.Uint64
}

// Subscribe returns a subscription to the flows that w watches, with room for queue events besides the flows that
// there are, if it asks for these.
func (t *Table) Subscribe(w Watch, queue int) *Subscription {
	now := t.clock()
	t.mu.Lock()
	defer t.mu.Unlock()
	var there []*rule
	if w.Initial {
		there = t.selected(&w.Filter)
	}
	s := &Subscription{to: make(chan Event, queue+len(there)), table: t, watch: w}
	s.C = s.to
	for _, r := range there {
		e := r.event(FlowAdded, 0, now)
		e.NoActions = w.NoActions
		s.to <- e
	}
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
		if !s.watch.wants(&e) {
			continue
		}
		e.NoActions = s.watch.NoActions
		select {
		case s.to <- e:
		default:
			s.lost.Add(1)
		}
	}
}

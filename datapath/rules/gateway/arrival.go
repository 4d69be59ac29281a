package gateway

import (
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// A hearing is what a tunnel is asked with when a packet has come in by it, and what it says. Hearings are used again.
type hearing struct {
	key    flow.Key
	uses   flow.Mask
	lesson rules.Lesson
}

// arrived has the tunnel that the packet came in by hear of it, now and whenever packets of its flow are counted.
func (l *look) arrived() {
	listener, ok := l.in.Tunnel.(rules.TunnelListener)
	if !ok {
		return
	}
	h := l.t.hearings.Get().(*hearing)
	defer l.t.hearings.Put(h)
	h.key, h.uses = *l.q.Key, flow.Mask{}
	var tags uint64
	if h.lesson, tags = listener.Arrived(&h.key, &h.uses); tags == 0 {
		return
	}
	l.v.Tags |= tags
	l.v.Mask.Union(&h.uses)
	if !h.lesson.From.IsValid() {
		return
	}
	l.v.Trail = rules.AppendLesson(append(l.v.Trail, trailWord(trailArrival, uint64(l.in.ID))), &h.lesson)
	if l.q.Live {
		listener.Heed(&h.lesson)
	}
}

// relate has a tunnel hear again what packets have shown. The caller holds a lock.
func (t *Table) relate(port uint32, words []uint64) {
	p := t.state.ports[port]
	if p == nil {
		return
	}
	if listener, ok := p.Tunnel.(rules.TunnelListener); ok {
		h := t.hearings.Get().(*hearing)
		defer t.hearings.Put(h)
		h.lesson = rules.LessonOf(words)
		listener.Heed(&h.lesson)
	}
}

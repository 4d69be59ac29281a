package openflow

import (
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
)

var _ = [1]struct{}{}[flow.Version-3]

// A hearing is what a tunnel is asked with when a packet has come in by it, and what it says. Hearings are used again.
type hearing struct {
	key    flow.Key
	uses   flow.Mask
	lesson rules.Lesson
}

// arrived has the tunnel that the packet came in by hear of it, now or whenever packets of the verdict are counted.
func (x *xlate) arrived(in *rules.Port) {
	t, ok := in.Tunnel.(rules.TunnelListener)
	if !ok {
		return
	}
	h := x.t.hearings.Get().(*hearing)
	defer x.t.hearings.Put(h)
	h.key, h.uses = *x.q.Key, flow.Mask{}
	var tags uint64
	if h.lesson, tags = t.Arrived(&h.key, &h.uses); tags == 0 {
		return
	}
	x.spoil()
	x.v.Tags |= tags
	x.uses = h.uses
	x.consult()
	if !h.lesson.From.IsValid() {
		return
	}
	x.v.Trail = rules.AppendLesson(append(x.v.Trail, arrivalWord(in)), &h.lesson)
	if x.q.Live {
		t.Heed(&h.lesson)
	}
}

// creditArrival has a tunnel hear again what packets have shown, the lesson that words are. t.mu is held.
func (t *Table) creditArrival(number uint32, words []uint64) {
	port := t.ports.byNumber[number]
	if port == nil {
		return
	}
	if l, ok := port.Tunnel.(rules.TunnelListener); ok {
		h := t.hearings.Get().(*hearing)
		defer t.hearings.Put(h)
		h.lesson = rules.LessonOf(words)
		l.Heed(&h.lesson)
	}
}

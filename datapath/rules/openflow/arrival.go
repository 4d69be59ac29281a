package openflow

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
)

var _ = [1]struct{}{}[flow.Version-3]

// An arrival is what a packet has shown that came in by a tunnel: the content of a context, since packets of its flow show
// the same.
type arrival struct {
	port   uint32 // OpenFlow number of the tunnel
	lesson rules.Lesson
}

func (*arrival) kind() contentKind { return contentArrival }

// appendKey appends what tells a from others.
func (a *arrival) appendKey(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(append(b, byte(contentArrival)), a.port)
	l := &a.lesson
	b = append(append(binary.BigEndian.AppendUint32(b, l.VNI), l.Src[:]...), l.Dst[:]...)
	from, to, ip := l.From.As16(), l.To.As16(), [16]byte{}
	if l.IP.IsValid() {
		ip = l.IP.As16()
	}
	return append(append(append(b, from[:]...), to[:]...), ip[:]...)
}

// A hearing is what a tunnel is asked with when a packet has come in by it.
type hearing struct {
	key  flow.Key
	uses flow.Mask
	arrival
}

// arrived has the tunnel that the packet came in by hear of it, now or whenever packets of the verdict are counted.
func (x *xlate) arrived(in *rules.Port) {
	t, ok := in.Tunnel.(rules.TunnelListener)
	if !ok {
		return
	}
	h := x.t.hearings.Get().(*hearing)
	defer x.t.hearings.Put(h)
	h.key, h.uses, h.port = *x.q.Key, flow.Mask{}, in.Number
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
	if id := x.t.internArrival(&h.arrival, x.q.Now); id != 0 {
		x.v.Trail = append(x.v.Trail, arrivalWord(id))
	}
	if x.q.Live {
		t.Heed(&h.lesson)
	}
}

// internArrival returns the id of the context for a, which it does not keep; 0 if there are too many.
func (t *Table) internArrival(a *arrival, now int64) uint32 {
	c := t.contexts
	buf := c.buffers.Get().(*[]byte)
	defer c.buffers.Put(buf)
	*buf = a.appendKey((*buf)[:0])
	if id := c.find(*buf, now); id != 0 {
		return id
	}
	kept := *a
	return c.add(*buf, &kept, false, now)
}

// creditArrival has a tunnel hear again what packets have shown. t.mu is held.
func (t *Table) creditArrival(id uint32) {
	a, ok := t.contexts.get(id).(*arrival)
	if !ok {
		return
	}
	if port := t.ports.byNumber[a.port]; port != nil {
		if l, ok := port.Tunnel.(rules.TunnelListener); ok {
			l.Heed(&a.lesson)
		}
	}
}

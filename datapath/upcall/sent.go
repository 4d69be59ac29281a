package upcall

import (
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/ring/frame"
)

// A Sent is a copy of a packet on its way to the rule table, which knows what it is for. The slow path owns
// the frame.
type Sent struct {
	Frame  frame.Frame
	ID     uint32 // argument of action.OpSend
	Recirc uint32 // recirculation id the packet was looked up under
	Size   int    // bytes of the packet before it was cut
}

// deliver gives the rule table as many of the packets that one queue has for it, which are some, as the
// port's share of this round allows, and returns their number. It does not hold the lock: what the table does
// with them keeps no look-up waiting but those of the slow path itself.
func (h *Handler) deliver(q *Queue) int {
	n := q.Sent.PopN(h.sent[:q.Delivery.grant(h.rounds)])
	if n == 0 {
		return 0
	}
	now := h.Now()
	for i := range h.sent[:n] {
		h.receive(q.Port, &h.sent[i], now)
	}
	q.Delivery.charge(n, h.Now()-now)
	h.counters.Publish()
	return n
}

// receive gives one packet to the table that decides about its port.
func (h *Handler) receive(port uint32, s *Sent, now int64) {
	defer h.frames.Put(s.Frame)
	r, ok := rules.As[rules.Receiver](h.TableOf(port))
	if !ok {
		h.counters.Add(Unwanted, 1)
		return
	}
	h.batch.Reset()
	h.batch.Append(s.Frame)
	h.Extractor.Extract(h.Pool, port, s.Recirc, &h.batch, &h.keys)
	h.keys.Key(0, &h.flow.Key)
	packet := h.Pool.Bytes(s.Frame)
	if s.Frame.More() > 0 {
		h.whole = h.Pool.AppendTo(h.whole[:0], s.Frame)
		packet = h.whole
	}
	h.query = rules.Query{Key: &h.flow.Key, Packet: packet, Size: s.Size, Now: now, Live: true}
	r.Receive(s.ID, &h.query)
	h.counters.Add(Delivered, 1)
}

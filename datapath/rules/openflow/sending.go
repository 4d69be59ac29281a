package openflow

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// sending is the content of a context: what packets are sent to controllers with.
type sending struct {
	Controller
	table  uint8
	cookie uint64
	on     uint32   // the context that the packet goes on with; 0: it was not paused
	meta   flow.Key // registers and metadata
	tunnelWrites
}

func (*sending) kind() contentKind { return contentSending }

// takeMeta takes what the packet has beside itself from the working key: registers, metadata, in_port, and
// what actions wrote to pkt_mark and tunnel fields.
func (s *sending) takeMeta(work *flow.Key, written *flow.Mask) {
	copy(s.meta[flow.FastBlocks:], work[flow.FastBlocks:])
	s.meta.SetUint(flow.FieldConjID, 0)
	s.meta.SetUint(flow.FieldInPort, work.Uint(flow.FieldInPort))
	s.meta.SetUint(flow.FieldPktMark, work.Uint(flow.FieldPktMark)&written.Uint(flow.FieldPktMark))
	s.take(work, written)
}

// internSending returns the id of the context for s, 0 if there are too many.
func (t *Table) internSending(s *sending, now int64) uint32 {
	c := t.contexts
	buf := c.buffers.Get().(*[]byte)
	defer c.buffers.Put(buf)
	b := append((*buf)[:0], byte(contentSending), s.table)
	b = binary.BigEndian.AppendUint64(b, s.cookie)
	b = binary.BigEndian.AppendUint32(b, s.on)
	b = append(b, s.meta[flow.Base][:]...)
	for block := flow.FastBlocks; block < flow.Blocks; block++ {
		b = append(b, s.meta[block][:]...)
	}
	*buf = s.Controller.appendText(s.tunnelWrites.appendKey(b))
	if id := c.find(*buf, now); id != 0 {
		return id
	}
	return c.add(*buf, s, false, now)
}

// match returns what is known beside its bytes of a packet that has come with a key, as a match. options says what
// its tunnel options are.
func (s *sending) match(came *flow.Key, options *flow.TLVMap) *flow.Match {
	m := &flow.Match{Key: s.meta}
	copy(m.Key[flow.Tunnel:flow.Regs], came[flow.Tunnel:flow.Regs])
	s.onto(&m.Key)
	matchTunnel(m, options)
	m.Mask.SetExact(flow.FieldInPort)
	if s.meta.Uint(flow.FieldPktMark) != 0 {
		m.Mask.SetExact(flow.FieldPktMark)
	}
	for _, f := range registerFields {
		if s.meta.Uint(f) != 0 {
			m.Mask.SetExact(f)
		}
	}
	if s.meta.Uint(flow.FieldActsetOutput) != PortUnset {
		m.Mask.SetExact(flow.FieldActsetOutput)
	}
	m.Apply()
	return m
}

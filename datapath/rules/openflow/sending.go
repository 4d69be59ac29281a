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
}

func (*sending) kind() contentKind { return contentSending }

// takeMeta takes what the packet has beside itself from the working key: registers, metadata, in_port, and
// what actions wrote to pkt_mark.
func (s *sending) takeMeta(work *flow.Key, written *flow.Mask) {
	copy(s.meta[flow.FastBlocks:], work[flow.FastBlocks:])
	s.meta.SetUint(flow.FieldConjID, 0)
	s.meta.SetUint(flow.FieldInPort, work.Uint(flow.FieldInPort))
	s.meta.SetUint(flow.FieldPktMark, work.Uint(flow.FieldPktMark)&written.Uint(flow.FieldPktMark))
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
	*buf = s.Controller.appendText(b)
	if id := c.find(*buf, now); id != 0 {
		return id
	}
	return c.add(*buf, s, false, now)
}

// match returns what is known of the packet beside its bytes, as a match.
func (s *sending) match() *flow.Match {
	m := &flow.Match{Key: s.meta}
	m.Mask.SetExact(flow.FieldInPort)
	for _, f := range metaFields {
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

// metaFields are what packet-ins tell where it is not zero.
var metaFields = func() []flow.FieldID {
	list := []flow.FieldID{flow.FieldMetadata, flow.FieldPktMark}
	for f := flow.FieldID(flow.FieldReg0); f <= flow.FieldReg31; f++ {
		list = append(list, f)
	}
	return list
}()

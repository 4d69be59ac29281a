package openflow

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/datapath/rules"
)

// An entry is what a packet has shown that goes into a tunnel: the content of a context, since packets of its flow show the same.
type entry struct {
	port uint32 // OpenFlow number of the tunnel
	said rules.Entry
}

func (*entry) kind() contentKind { return contentEntry }

// appendKey appends what tells e from others.
func (e *entry) appendKey(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(append(b, byte(contentEntry)), e.port)
	b = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, e.said.VNI), e.said.Port)
	return append(b, e.said.Src[:]...)
}

// entered has a tunnel that packets go into hear of them whenever packets of the verdict are counted, if it has said something.
func (x *xlate) entered(port *rules.Port, said *rules.Entry) {
	if said.Port == 0 {
		return
	}
	if id := x.t.internEntry(entry{port.Number, *said}, x.q.Now); id != 0 {
		x.v.Trail = append(x.v.Trail, entryWord(id))
	}
}

// internEntry returns the id of the context for e; 0 if there are too many.
func (t *Table) internEntry(e entry, now int64) uint32 {
	c := t.contexts
	buf := c.buffers.Get().(*[]byte)
	defer c.buffers.Put(buf)
	*buf = e.appendKey((*buf)[:0])
	if id := c.find(*buf, now); id != 0 {
		return id
	}
	kept := e
	return c.add(*buf, &kept, false, now)
}

// creditEntry has a tunnel hear of packets that were seen at used. t.mu is held.
func (t *Table) creditEntry(id uint32, used int64) {
	e, ok := t.contexts.get(id).(*entry)
	if !ok {
		return
	}
	if port := t.ports.byNumber[e.port]; port != nil {
		if p, ok := port.Tunnel.(rules.TunnelEntrance); ok {
			p.Entered(&e.said, used)
		}
	}
}

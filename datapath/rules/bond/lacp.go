package bond

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/datapath/lacp"
	"github.com/culvertdev/culvert/encap/wire"
)

// Speaks reports whether the bond takes LACP's packets for itself.
func (b *Bond) Speaks() bool { return b.group != nil }

// Hear takes a packet of LACP that has come in by a port, what is behind its Ethernet header.
func (b *Bond) Hear(port uint32, payload []byte, now int64) {
	if m := b.byID[port]; m != nil && m.lacp != nil {
		m.lacp.Receive(payload, now)
	}
}

// send makes a frame of a message, from the member's address, or the bond's where it has none.
func (b *Bond) send(to *lacp.Member, p *lacp.PDU, send func(port uint32, frame []byte)) {
	for _, m := range b.members {
		if m.lacp != to || !m.Up {
			continue
		}
		source := m.MAC
		if source == ([6]byte{}) {
			source = b.system()
		}
		f := make([]byte, 0, wire.EthernetSize+lacp.Size)
		f = append(f, lacp.Destination[:]...)
		f = append(f, source[:]...)
		f = binary.BigEndian.AppendUint16(f, lacp.EtherType)
		send(m.ID, p.Append(f))
	}
}

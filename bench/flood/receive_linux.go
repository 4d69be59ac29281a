package flood

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// wordAt is where packets have what all of them have: the end of the sender's address, the type and the first bytes of what is in it.
const wordAt = 8

// auditEvery is in one of how many rounds of its receive ring a guest looks at a packet as a check does: of 16,384 packets one.
const auditEvery = 16

func word(packet []byte) uint64 { return binary.LittleEndian.Uint64(packet[wordAt:]) }

// receive looks at what has arrived and gives its buffers back: once round the ring at most, so that a switch that never stops does not keep it. It is
// an error when a packet is not as it should be.
func (f *Flood) receive(who int, g *Guest) error {
	r := g.rings[receives]
	for range RingSize / batch {
		at, taken := r.Take(batch)
		if taken == 0 {
			return nil
		}
		if f.check.left > 0 || f.word[who] == 0 {
			f.look(who, g, at, taken)
		} else {
			f.received.Add(f.glance(who, g, at, taken))
		}
		if at+taken >= RingSize {
			if err := f.round(who, g); err != nil {
				return err
			}
		}
		g.give(receives, taken)
	}
	return nil
}

// glance returns how many of the packets from entry at on have the word that all have. Others are the switch's own: announcements of its
// addresses, questions.
func (f *Flood) glance(who int, g *Guest, at, taken int) (n uint64) {
	usual := f.word[who]
	for i := range taken {
		if word(g.memory.packet(receives, (at+i)%RingSize)) == usual {
			n++
		}
	}
	return n
}

// look looks at packets one by one, and counts those that are as they should be.
func (f *Flood) look(who int, g *Guest, at, taken int) {
	for i := range taken {
		f.examine(who, g.arrived((at+i)%RingSize))
	}
}

// arrived returns the packet that the switch has written to an entry's buffer.
func (g *Guest) arrived(entry int) []byte {
	return g.memory.packet(receives, entry)[:max(g.rings[receives].Written(entry)-header, 0)]
}

// examine counts a packet that is as it should be, and goes on with the check if there is one. What goes to a group is the switch's own and not judged.
func (f *Flood) examine(who int, packet []byte) {
	if len(packet) > 0 && packet[0]&1 != 0 {
		return
	}
	err := f.judges[who](packet)
	if err == nil {
		f.word[who] = word(packet)
		f.received.Add(1)
	}
	if f.check.left == 0 {
		return
	}
	f.check.left--
	if err != nil {
		f.check.left = 0
	}
	if f.check.left == 0 {
		f.check.done <- err
	}
}

// round is called when the last entry of a guest's receive ring has come back. Now and then it makes the beginning of that buffer's packet unlike any
// that is sent, and one round later looks at what has come instead: that a word is right does not say that the switch has written it this time, or
// has written all of the packet.
func (f *Flood) round(who int, g *Guest) error {
	const entry = RingSize - 1
	f.laps[who]++
	switch f.laps[who] % auditEvery {
	case 0:
		clear(g.memory.packet(receives, entry)[:64])
	case 1:
		return f.audit(who, g.memory.packet(receives, entry), g.arrived(entry))
	}
	return nil
}

// audit says what is wrong with a packet that arrived in a buffer and was not looked at any closer, if it is one of the usual ones.
func (f *Flood) audit(who int, buffer, packet []byte) error {
	switch at := word(buffer); {
	case f.word[who] == 0: // it is not known which are
		return nil
	case at == 0:
		return errors.New("a buffer came back to which the switch has written no packet")
	case at != f.word[who]:
		return nil
	}
	if err := f.judges[who](packet); err != nil {
		return fmt.Errorf("a packet that was counted: %w", err)
	}
	return nil
}

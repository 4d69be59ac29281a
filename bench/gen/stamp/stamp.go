// Package stamp is what a generator writes at the end of every frame, and a sink knows it by: 18 bytes, as many as
// the payload of a UDP datagram over IPv4 has in the smallest Ethernet frame.
//
//	 0       4           10              18
//	┌───────┬───────────┬───────────────┐
//	│ mark  │ sequence  │ time          │  end of the frame
//	└───────┴───────────┴───────────────┘
//
// All numbers are in network byte order. At the end it stays where it is when a switch adds or removes headers. A time
// of 0 is none: only a sample of the frames has one.
//
// Thread-safety: no state.
package stamp

import "encoding/binary"

// Size is the size of a stamp in bytes.
const Size = 18

// MaxSequence is the largest sequence number.
const MaxSequence = 1<<48 - 1

// first is the bit of the time that says that the frame is the first of its flow.
const first = 1 << 63

// A Stamp is one frame's.
type Stamp struct {
	Mark     uint32 // of the run and the stream
	Sequence uint64 // number of the frame in its stream, from 0
	Time     int64  // when it was sent, in cycles of the sender's clock; 0: not said
	First    bool   // no frame of its flow was sent before; said only together with the time
}

// Put writes s to the first Size bytes of b.
func Put(b []byte, s Stamp) {
	_ = b[Size-1]
	binary.BigEndian.PutUint32(b, s.Mark)
	binary.BigEndian.PutUint16(b[4:], uint16(s.Sequence>>32))
	binary.BigEndian.PutUint32(b[6:], uint32(s.Sequence))
	binary.BigEndian.PutUint64(b[10:], s.word())
}

// PutPlain is Put of a stamp without a time.
func PutPlain(b []byte, mark uint32, sequence uint64) {
	_ = b[Size-1]
	binary.BigEndian.PutUint64(b, uint64(mark)<<32|sequence>>16)
	binary.BigEndian.PutUint16(b[8:], uint16(sequence))
	binary.BigEndian.PutUint64(b[10:], 0)
}

// SumPlain is Sum of a stamp without a time.
func SumPlain(mark uint32, sequence uint64) uint64 {
	return uint64(mark) + sequence>>32 + sequence&0xffffffff
}

// Get reads a stamp from the first Size bytes of b.
func Get(b []byte) Stamp {
	_ = b[Size-1]
	t := binary.BigEndian.Uint64(b[10:])
	return Stamp{
		Mark:     binary.BigEndian.Uint32(b),
		Sequence: uint64(binary.BigEndian.Uint16(b[4:]))<<32 | uint64(binary.BigEndian.Uint32(b[6:])),
		Time:     int64(t &^ first),
		First:    t&first != 0,
	}
}

// Sum returns the sum of the 16-bit words of s as Put writes it, as the Internet checksum has it (RFC 1071): not
// complemented, and not folded further than to 35 bits. It reads no bytes: those just written would not be there yet.
func (s Stamp) Sum() uint64 {
	t := s.word()
	return uint64(s.Mark) + s.Sequence>>32&0xffff + s.Sequence&0xffffffff + t>>32 + t&0xffffffff
}

// word returns the time with its flag.
func (s Stamp) word() uint64 {
	if s.First {
		return uint64(s.Time) | first
	}
	return uint64(s.Time)
}

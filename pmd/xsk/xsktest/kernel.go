// Package xsktest is the kernel's half of an AF_XDP socket: the other side of its four rings, over plain
// memory, so that a driver can be tested without root and under the race detector, which does not
// see mapped memory.
//
// It is written from the kernel's documentation (Documentation/networking/af_xdp.rst) and shares no
// code with package xsk, which it is an oracle for. It copies, as the kernel does for devices without
// zero-copy, and can also behave badly on request: [Kernel.Push] puts any descriptor in the receive ring.
//
// Thread-safety: a Kernel belongs to one goroutine, which may run beside the driver's.
package xsktest

import (
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// A Memory is the memory of the four rings, as mmap would give it, and where things are in it.
type Memory struct {
	Fill, Completion, Rx, Tx []byte
	Offsets                  unix.XDPMmapOffsets
	Slots                    uint32 // of each ring
}

// Offsets of a ring's parts, in bytes. Like the kernel's they are told, not known.
const (
	producerOff = 0
	consumerOff = 64
	flagsOff    = 72
	slotsOff    = 128

	addrSize = 8  // bytes of a slot of the fill or completion ring
	descSize = 16 // bytes of a slot of the receive or transmit ring, struct xdp_desc
)

// NewMemory returns rings of n slots, a power of two.
func NewMemory(n uint32) Memory {
	at := unix.XDPRingOffset{Producer: producerOff, Consumer: consumerOff, Flags: flagsOff, Desc: slotsOff}
	ring := func(size uint32) []byte { return make([]byte, slotsOff+n*size) }
	return Memory{
		Fill: ring(addrSize), Completion: ring(addrSize), Rx: ring(descSize), Tx: ring(descSize),
		Offsets: unix.XDPMmapOffsets{Rx: at, Tx: at, Fr: at, Cr: at},
		Slots:   n,
	}
}

// A Kernel moves packets between its rings and the packet memory.
type Kernel struct {
	umem               []byte
	chunk, headroom    int // bytes
	fill, comp, rx, tx side
	sent               []uint64 // addresses transmitted and not yet completed, oldest first

	// RxRingFull and NoBuffer count packets dropped by Deliver, as XDP_STATISTICS does.
	RxRingFull, NoBuffer uint64
	// InvalidTx counts descriptors in the transmit ring that the kernel would have refused.
	InvalidTx uint64
}

// New returns the kernel's half of rings over umem, packet memory in chunks of so many bytes. A packet
// is delivered headroom bytes behind the start of its chunk.
func New(m Memory, umem []byte, chunk, headroom int) *Kernel {
	return &Kernel{
		umem: umem, chunk: chunk, headroom: headroom,
		fill: newSide(m.Fill, m.Slots), comp: newSide(m.Completion, m.Slots),
		rx: newSide(m.Rx, m.Slots), tx: newSide(m.Tx, m.Slots),
	}
}

// Deliver receives p: it takes buffers from the fill ring, copies p there and puts the descriptors in
// the receive ring, all of a packet's or none. It reports false, and counts, when it had to drop p.
func (k *Kernel) Deliver(p []byte) bool {
	room := k.chunk - k.headroom
	n := uint32(max(1, (len(p)+room-1)/room))
	if k.rx.free() < n {
		k.RxRingFull++
		return false
	}
	if k.fill.ready() < n {
		k.NoBuffer++
		return false
	}
	for ; n > 0; n-- {
		// The chunk's start, whatever within it the address names (aligned mode).
		addr := k.fill.addr(k.fill.next) &^ uint64(k.chunk-1)
		k.fill.next++
		d := unix.XDPDesc{Addr: addr + uint64(k.headroom), Len: uint32(min(len(p), room))}
		if n > 1 {
			d.Options = unix.XDP_PKT_CONTD
		}
		copy(k.umem[d.Addr:][:d.Len], p)
		p = p[d.Len:]
		k.rx.setDesc(k.rx.next, d)
		k.rx.next++
	}
	k.fill.consumer.Store(k.fill.next)
	k.rx.producer.Store(k.rx.next)
	return true
}

// DeliverAny receives n packets of size bytes, one buffer each, whose content is what the buffers held:
// for measurements, which a copy would drown. It returns how many found room.
func (k *Kernel) DeliverAny(n int, size uint32) int {
	n = min(n, int(k.rx.free()), int(k.fill.ready()))
	for range n {
		addr := k.fill.addr(k.fill.next) &^ uint64(k.chunk-1)
		k.fill.next++
		k.rx.setDesc(k.rx.next, unix.XDPDesc{Addr: addr + uint64(k.headroom), Len: size})
		k.rx.next++
	}
	k.fill.consumer.Store(k.fill.next)
	k.rx.producer.Store(k.rx.next)
	return n
}

// Filled returns how many buffers stand in the fill ring.
func (k *Kernel) Filled() int { return int(k.fill.ready()) }

// Take takes the next address out of the fill ring and keeps the buffer, as a zero-copy driver does.
func (k *Kernel) Take() (addr uint64, ok bool) {
	if k.fill.ready() == 0 {
		return 0, false
	}
	addr = k.fill.addr(k.fill.next)
	k.fill.next++
	k.fill.consumer.Store(k.fill.next)
	return addr, true
}

// Push puts d in the receive ring, whatever it says. It reports false when the ring is full.
func (k *Kernel) Push(d unix.XDPDesc) bool {
	if k.rx.free() == 0 {
		return false
	}
	k.rx.setDesc(k.rx.next, d)
	k.rx.next++
	k.rx.producer.Store(k.rx.next)
	return true
}

// Transmit takes up to n packets out of the transmit ring and returns copies of them. Their buffers
// stay with the kernel until Complete.
func (k *Kernel) Transmit(n int) [][]byte {
	var packets [][]byte
	var p []byte
	for len(packets) < n && k.tx.ready() > 0 {
		d := k.tx.desc(k.tx.next)
		k.tx.next++
		if d.Len == 0 || d.Addr%uint64(k.chunk)+uint64(d.Len) > uint64(k.chunk) || d.Addr >= uint64(len(k.umem)) {
			k.InvalidTx++
			continue
		}
		p = append(p, k.umem[d.Addr:][:d.Len]...)
		k.sent = append(k.sent, d.Addr)
		if d.Options&unix.XDP_PKT_CONTD == 0 {
			packets = append(packets, p)
			p = nil
		}
	}
	k.tx.consumer.Store(k.tx.next)
	return packets
}

// Discard takes every packet out of the transmit ring and completes it, without a copy.
func (k *Kernel) Discard() {
	for ; k.tx.ready() > 0 && k.comp.free() > 0; k.tx.next++ {
		k.comp.setAddr(k.comp.next, k.tx.desc(k.tx.next).Addr)
		k.comp.next++
		k.tx.consumer.Store(k.tx.next + 1)
	}
	k.comp.producer.Store(k.comp.next)
}

// Complete gives up to n buffers back, oldest first, and returns how many.
func (k *Kernel) Complete(n int) int {
	n = min(n, len(k.sent), int(k.comp.free()))
	for _, addr := range k.sent[:n] {
		k.comp.setAddr(k.comp.next, addr)
		k.comp.next++
	}
	k.comp.producer.Store(k.comp.next)
	k.sent = k.sent[n:]
	return n
}

// CompleteAddr puts addr in the completion ring, whatever it says.
func (k *Kernel) CompleteAddr(addr uint64) {
	k.comp.setAddr(k.comp.next, addr)
	k.comp.next++
	k.comp.producer.Store(k.comp.next)
}

// NeedWakeup says whether the kernel wants system calls for receiving and transmitting.
func (k *Kernel) NeedWakeup(rx, tx bool) {
	for _, s := range []struct {
		side *side
		on   bool
	}{{&k.fill, rx}, {&k.tx, tx}} {
		var v uint32
		if s.on {
			v = unix.XDP_RING_NEED_WAKEUP
		}
		s.side.flags.Store(v)
	}
}

// Skip moves all indices of rings that nobody uses yet, so that a test can see them wrap.
func (m Memory) Skip(n uint32) {
	for _, ring := range [][]byte{m.Fill, m.Completion, m.Rx, m.Tx} {
		s := newSide(ring, m.Slots)
		s.producer.Store(n)
		s.consumer.Store(n)
	}
}

// A side is the kernel's end of one ring. next is the index it is to read or write next.
type side struct {
	producer, consumer, flags *atomic.Uint32
	mem                       []byte
	slots                     uint32
	next                      uint32
}

// ready returns how many slots the driver has produced that are not consumed yet.
func (s *side) ready() uint32 {
	n := s.producer.Load() - s.next
	if n > s.slots {
		panic(fmt.Sprintf("xsktest: the driver produced %d slots into a ring of %d", n, s.slots))
	}
	return n
}

// free returns how many slots can be produced.
func (s *side) free() uint32 {
	n := s.next - s.consumer.Load()
	if n > s.slots {
		panic(fmt.Sprintf("xsktest: the driver consumed %d slots that were never produced", -n))
	}
	return s.slots - n
}

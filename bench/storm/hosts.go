package storm

import (
	"fmt"

	"github.com/culvertdev/culvert/pmd/memport"
	"github.com/culvertdev/culvert/ring/frame"
)

// maxFlows is the most established flows: their UDP source ports are 1000 and up.
const maxFlows = 60000

// A stock is frames with a packet in them, ready to be changed and sent again. What a host receives
// goes there: a host then writes a few bytes a packet, which leaves the CPU to those who are measured.
type stock struct {
	pool   *frame.Pool
	cache  *frame.Cache
	first  [size]byte // what a new frame holds
	frames []frame.Frame
}

func newStock(pool *frame.Pool, first [size]byte) (stock, error) {
	c, err := pool.NewCache()
	if err != nil {
		return stock{}, err
	}
	return stock{pool: pool, cache: c, first: first, frames: make([]frame.Frame, 0, buffers)}, nil
}

// get returns a frame with a packet; false when the arena has none left.
func (s *stock) get() (frame.Frame, bool) {
	if n := len(s.frames); n > 0 {
		f := s.frames[n-1]
		s.frames = s.frames[:n-1]
		return f, true
	}
	return s.cache.FromBytes(s.first[:])
}

func (s *stock) put(b *frame.Batch) {
	s.frames = append(s.frames, b.Frames()...)
	b.Reset()
}

func (s *stock) close() {
	for _, f := range s.frames {
		s.cache.Put(f)
	}
	s.cache.Close()
}

// established are two hosts with long-lived flows from one to the other.
type established struct {
	stock
	in, out *memport.Peer
	batch   frame.Batch
	next    []uint64 // by flow: sequence number to be sent
	want    []uint64 // by flow: lowest number that may come
	flow    int      // of the next packet

	sent, received uint64
	err            error // a packet came twice, out of order, or as nobody sent it
}

func newEstablished(pool *frame.Pool, in, out *memport.Peer, flows int) (*established, error) {
	s, err := newStock(pool, template(calmHost, calmOut))
	if err != nil {
		return nil, err
	}
	return &established{stock: s, in: in, out: out, next: make([]uint64, flows), want: make([]uint64, flows)}, nil
}

// send sends n packets, flows in turn. What the port does not take is sent and lost.
func (e *established) send(n int) {
	for n > 0 {
		for ; n > 0 && e.batch.Room() > 0; n-- {
			f, ok := e.get()
			if !ok {
				return
			}
			mark(e.pool.Bytes(f), e.flow, e.next[e.flow])
			e.next[e.flow]++
			e.flow = (e.flow + 1) % len(e.next)
			e.batch.Append(f)
		}
		e.sent += uint64(e.batch.Len())
		e.in.Send(&e.batch)
	}
}

// receive takes what has come and returns how many packets.
func (e *established) receive() (n int) {
	for e.out.Recv(&e.batch) > 0 {
		n += e.batch.Len()
		for _, f := range e.batch.Frames() {
			e.check(e.pool.Bytes(f))
		}
		e.put(&e.batch)
	}
	e.received += uint64(n)
	return n
}

func (e *established) check(p []byte) {
	i, seq := marked(p)
	if i < 0 || i >= len(e.want) || seq < e.want[i] || seq >= e.next[i] {
		e.err = fmt.Errorf("storm: flow %d: packet %d came twice, late, or was never sent", i, seq)
		return
	}
	e.want[i] = seq + 1
}

// flood is a host with nothing but new flows to another.
type flood struct {
	stock
	kind    Kind
	in, out *memport.Peer
	batch   frame.Batch
	flows   uint32 // so far

	sent, refused, received uint64 // refused: by the full receive ring of the port
}

func newFlood(pool *frame.Pool, in, out *memport.Peer, k Kind) (*flood, error) {
	s, err := newStock(pool, template(stormHost, stormOut))
	if err != nil {
		return nil, err
	}
	return &flood{stock: s, kind: k, in: in, out: out}, nil
}

// send sends the first packets of n new flows.
func (h *flood) send(n int) {
	for n > 0 {
		for ; n > 0 && h.batch.Room() > 0; n-- {
			f, ok := h.get()
			if !ok {
				return
			}
			renew(h.pool.Bytes(f), h.kind, h.flows)
			h.flows++
			h.batch.Append(f)
		}
		full := h.batch.Len()
		h.sent += uint64(full)
		h.refused += uint64(full - h.in.Send(&h.batch))
	}
}

// receive takes what has come.
func (h *flood) receive() {
	for h.out.Recv(&h.batch) > 0 {
		h.received += uint64(h.batch.Len())
		h.put(&h.batch)
	}
}

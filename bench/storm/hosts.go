package storm

import (
	"errors"

	"github.com/culvertdev/culvert/pmd/memport"
	"github.com/culvertdev/culvert/ring/frame"
)

// errOrder: what came was overtaken by a later packet of its flow, or came twice.
var errOrder = errors.New("storm: a packet came late or twice")

// inStock is how many packets the established hosts begin with, and the most flows. Each is in a line
// of its own, 2048 bytes from the next; more than 512 of them fit no cache of 1 MB with 8 ways: the worker
// finds headers where a network card leaves them, not in its nearest cache.
const inStock = 24576

// established are two hosts with long-lived flows from one to the other. They change nothing in a packet
// but send what they receive again, which leaves the CPU to those who are measured: its number is kept
// beside the buffer that it is in.
type established struct {
	pool    *frame.Pool
	cache   *frame.Cache
	in, out *memport.Peer
	batch   frame.Batch
	stock   fifo     // ready to be sent
	tags    []label  // by buffer
	next    []uint32 // by flow: number of the packet to be sent
	want    []uint32 // by flow: lowest number that may come
	made    int      // packets

	sent, received uint64
	err            error
}

// A label says which packet is in a buffer.
type label struct {
	number uint32
	flow   uint32
}

func newEstablished(pool *frame.Pool, in, out *memport.Peer, flows int) (*established, error) {
	c, err := pool.NewCache()
	if err != nil {
		return nil, err
	}
	e := &established{
		pool: pool, cache: c, in: in, out: out, stock: newFIFO(pool.Buffers()), tags: make([]label, pool.Buffers()),
		next: make([]uint32, flows), want: make([]uint32, flows),
	}
	e.make(inStock)
	return e, nil
}

// make adds n packets to the stock, flows in turn. The arena has more buffers than all rings take.
func (e *established) make(n int) {
	for range n {
		p := template(calmHost, calmOut)
		flow := e.made % len(e.next)
		belong(p[:], flow)
		if f, ok := e.cache.FromBytes(p[:]); ok {
			e.made++
			e.tags[e.pool.Buffer(f)].flow = uint32(flow)
			e.stock.push(f)
		}
	}
}

// send sends n packets, new ones when those in stock are lost or have not come back. What the port does not
// take is sent and lost; it returns how many these are.
func (e *established) send(n int) (lost int) {
	for n > 0 {
		e.make(frame.MaxBatch - e.stock.len())
		for ; n > 0 && e.batch.Room() > 0; n-- {
			f := e.stock.pop()
			l := &e.tags[e.pool.Buffer(f)]
			l.number = e.next[l.flow]
			e.next[l.flow]++
			e.batch.Append(f)
		}
		full := e.batch.Len()
		e.sent += uint64(full)
		lost += full - e.in.Send(&e.batch)
	}
	return lost
}

// receive takes what has come and returns how many packets.
func (e *established) receive() (n int) {
	for e.out.Recv(&e.batch) > 0 {
		n += e.batch.Len()
		for _, f := range e.batch.Frames() {
			e.take(f)
		}
		e.batch.Reset()
	}
	e.received += uint64(n)
	return n
}

// take puts a packet that came into the stock.
func (e *established) take(f frame.Frame) {
	e.stock.push(f)
	l := e.tags[e.pool.Buffer(f)]
	if int32(l.number-e.want[l.flow]) < 0 {
		e.err = errOrder
		return
	}
	e.want[l.flow] = l.number + 1
}

func (e *established) close() {
	for e.stock.len() > 0 {
		e.cache.Put(e.stock.pop())
	}
	e.cache.Close()
}

// flood is a host with nothing but new flows to another.
type flood struct {
	pool    *frame.Pool
	cache   *frame.Cache
	kind    Kind
	first   [size]byte // what a packet is renewed from
	in, out *memport.Peer
	batch   frame.Batch
	flows   uint32 // so far

	sent, refused, received uint64 // refused: by the full receive ring of the port
}

func newFlood(pool *frame.Pool, in, out *memport.Peer, k Kind) (*flood, error) {
	c, err := pool.NewCache()
	if err != nil {
		return nil, err
	}
	return &flood{pool: pool, cache: c, kind: k, first: template(stormHost, stormOut), in: in, out: out}, nil
}

// send sends the first packets of n new flows.
func (h *flood) send(n int) {
	for n > 0 {
		for ; n > 0 && h.batch.Room() > 0; n-- {
			renew(h.first[:], h.kind, h.flows)
			f, ok := h.cache.FromBytes(h.first[:])
			if !ok {
				return
			}
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
		h.cache.PutBatch(&h.batch)
	}
}

func (h *flood) close() {
	h.cache.PutBatch(&h.batch)
	h.cache.Close()
}

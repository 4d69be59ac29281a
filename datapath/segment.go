package datapath

import (
	"math"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/ring/frame"
)

// segment cuts a TCP packet that is longer than p takes, or a packet that its sender has not cut, and stages the parts.
// Senders on virtual devices leave that to hardware that is not there, as they do with checksums. It reports
// false, and leaves the packet to the caller, when the packet cannot be cut, or its checksum is wrong, which
// the parts' would not be.
func (w *pipeline) segment(p *workerPort, f frame.Frame) bool {
	c, ok := w.cut(f, p.mtu, math.MaxInt)
	if !ok {
		return false
	}
	for g, ok := w.nextPart(&c); ok; g, ok = w.nextPart(&c) {
		w.one[0] = g
		w.stageFitting(p, w.one[:])
	}
	return true
}

// A cutting is a packet that is being cut: TCP into segments, or UDP datagrams from each other.
type cutting struct {
	wire.Cut
	f       frame.Frame
	headers []byte
	from    reader
	size    int // most payload bytes of a part
	off     int // payload bytes that are in parts
	part    int // number of the next
}

// cut begins to cut a packet into parts whose network packets have at most mtu bytes, and longest with all headers. It
// reports false, and leaves the packet to the caller, as segment does.
func (w *pipeline) cut(f frame.Frame, mtu, longest int) (c cutting, ok bool) {
	c = cutting{f: f}
	partial, gso, size := false, frame.GSONone, 0
	if f.Flags()&frame.HasOffload != 0 {
		o := &w.pool.Meta(f).Offload
		partial, gso, size = o.Csum&frame.NeedsCsum != 0, o.GSO, int(o.GSOSize)
	}
	if c.Cut, ok = cutAs(gso, w.pool.Bytes(f), w.pool.Total(f)); !ok {
		return c, false
	}
	c.size = min(c.Fit(mtu), longest-c.Headers)
	switch {
	case gso == frame.GSOUDPL4 && (size == 0 || c.size < min(size, c.Payload)):
		return c, false // datagrams have the size that their sender gave them, or none
	case gso != frame.GSONone && size > 0:
		c.size = min(c.size, size)
	}
	if c.size <= 0 || c.Headers > w.pool.Room() || !partial && !w.intact(&c.Cut, f) {
		return c, false
	}
	c.headers = w.pool.Bytes(f)[:c.Headers]
	c.from = reader{pool: w.pool, f: f, at: c.Headers}
	return c, true
}

// cutAs says how a packet is cut that its sender calls gso, or has not called anything.
func cutAs(gso frame.GSOType, pkt []byte, total int) (wire.Cut, bool) {
	if gso == frame.GSOUDPL4 {
		return wire.CutUDP(pkt, total)
	}
	return wire.CutTCP(pkt, total)
}

// nextPart returns the next part of a packet, which is freed when there is none left. Parts that there are no buffers
// for are left out.
func (w *pipeline) nextPart(c *cutting) (g frame.Frame, ok bool) {
	for !ok && c.off < c.Payload {
		n := min(c.size, c.Payload-c.off)
		if g, ok = w.part(&c.Cut, c.headers, &c.from, c.part, c.off, n); !ok {
			w.count.drop(dropNoFrames, 1)
			c.from.skip(n)
		}
		c.off += n
		c.part++
	}
	if !ok {
		w.count.events.Add(segmented, 1)
		w.frames.Put(c.f)
	}
	return g, ok
}

// intact reports whether the transport checksum of f is right.
func (w *pipeline) intact(cut *wire.Cut, f frame.Frame) bool {
	var sum wire.Summer
	from := reader{pool: w.pool, f: f, at: cut.Headers}
	for left := cut.Payload; left > 0; {
		b := from.here()
		b = b[:min(left, len(b))]
		sum.Add(b)
		from.at += len(b)
		left -= len(b)
	}
	return wire.Fold(sum.Sum()+cut.Sum(w.pool.Bytes(f))) == 0xffff
}

// part builds one packet: the headers, patched, and n payload bytes read from the packet that is cut.
// ok is false, and nothing was read, when there are no buffers for it.
func (w *pipeline) part(cut *wire.Cut, headers []byte, from *reader, part, off, n int) (g frame.Frame, ok bool) {
	room := w.pool.Room()
	b := &w.spare
	for need := (cut.Headers + n + room - 1) / room; b.Len() < need; {
		if w.frames.Fill(b, need-b.Len()) == 0 {
			w.frames.PutBatch(b)
			return frame.Frame{}, false
		}
	}
	first := b.Frames()[0]
	w.pool.SetLen(&first, min(room, cut.Headers+n))
	pkt := w.pool.Bytes(first)
	copy(pkt, headers)
	var sum wire.Summer
	from.read(pkt[cut.Headers:])
	sum.Add(pkt[cut.Headers:])
	var chain frame.Chain
	chain.Append(w.pool, first)
	left := n - (len(pkt) - cut.Headers)
	for _, more := range b.Frames()[1:] {
		w.pool.SetLen(&more, min(room, left))
		from.read(w.pool.Bytes(more))
		sum.Add(w.pool.Bytes(more))
		left -= more.Len()
		chain.Append(w.pool, more)
	}
	b.Reset()
	cut.PutChecksum(pkt, cut.Patch(pkt, part, off, n)+sum.Sum())
	return chain.Frame(w.pool), true
}

// A reader reads the bytes of a packet, whatever number of buffers they are in.
type reader struct {
	pool *frame.Pool
	f    frame.Frame // buffer read from
	at   int         // next byte in it
}

// read fills dst; the packet has that many bytes left.
func (r *reader) read(dst []byte) {
	for len(dst) > 0 {
		n := copy(dst, r.here())
		r.at += n
		dst = dst[n:]
	}
}

// skip passes over n bytes.
func (r *reader) skip(n int) {
	for n > 0 {
		k := min(n, len(r.here()))
		r.at += k
		n -= k
	}
}

// here returns the bytes left in the buffer that has the next one.
func (r *reader) here() []byte {
	for r.at >= r.f.Len() {
		next, ok := r.pool.Next(r.f)
		if !ok {
			panic("datapath: read beyond the packet")
		}
		r.f, r.at = next, 0
	}
	return r.pool.Bytes(r.f)[r.at:]
}

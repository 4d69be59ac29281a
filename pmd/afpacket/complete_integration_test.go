//go:build integration

package afpacket

import (
	"encoding/binary"
	"testing"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/frame"
)

// A completer sends frames as the datapath does: checksums that were left to hardware completed,
// segments cut. It does so naively, packet by packet in ordinary memory, and by nothing but what
// Offload says: TCP and UDP arriving on the other side show that Offload is right.
type completer struct {
	t     *testing.T
	pool  *frame.Pool
	cache *frame.Cache
	out   frame.Batch
	whole int // packets that were completed or cut
}

func newCompleter(t *testing.T, pool *frame.Pool) *completer {
	t.Helper()
	c, err := pool.NewCache()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &completer{t: t, pool: pool, cache: c}
}

// send takes the place of q.Send in a patch.
func (c *completer) send(q pmd.TxQueue, b *frame.Batch) {
	for _, f := range b.Frames() {
		data := c.pool.AppendTo(nil, f)
		if f.Flags()&frame.HasOffload == 0 {
			c.emit(q, data)
			continue
		}
		c.whole++
		o := c.pool.Meta(f).Offload
		for _, segment := range cut(data, o) {
			complete(segment, int(o.CsumStart), int(o.CsumOffset))
			c.emit(q, segment)
		}
	}
	c.cache.PutBatch(b)
	q.Send(&c.out)
}

func (c *completer) emit(q pmd.TxQueue, data []byte) {
	f, ok := c.cache.FromBytes(data)
	if !ok {
		c.t.Error("no buffers")
		return
	}
	c.out.Append(f)
	if c.out.Room() == 0 {
		q.Send(&c.out)
	}
}

// complete adds what the sender left out to the pseudo-header's sum (VIRTIO 1.2, 5.1.6.2).
func complete(b []byte, start, offset int) {
	var s uint32
	for i := start; i < len(b); i += 2 {
		s += uint32(b[i]) << 8
		if i+1 < len(b) {
			s += uint32(b[i+1])
		}
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	sum := ^uint16(s)
	if sum == 0 {
		sum = 0xffff // RFC 768; the same number in one's complement
	}
	binary.BigEndian.PutUint16(b[start+offset:], sum)
}

// cut cuts a TCP segment over IPv4; other packets it returns whole.
func cut(b []byte, o frame.Offload) [][]byte {
	if o.GSO&^frame.GSOECN != frame.GSOTCPv4 {
		return [][]byte{b}
	}
	tcp := int(o.CsumStart)
	ip := tcp - 20 // the kernel sends no options
	headers := tcp + int(b[tcp+12]>>4)*4
	payload := b[headers:]
	var parts [][]byte
	for off := 0; off < len(payload); off += int(o.GSOSize) {
		n := min(int(o.GSOSize), len(payload)-off)
		p := append(append([]byte(nil), b[:headers]...), payload[off:off+n]...)
		binary.BigEndian.PutUint16(p[ip+2:], uint16(len(p)-ip))
		binary.BigEndian.PutUint32(p[tcp+4:], binary.BigEndian.Uint32(b[tcp+4:])+uint32(off))
		if off+n < len(payload) {
			p[tcp+13] &^= 0x09 // FIN and PSH belong to the last
		}
		// The IP checksum from nothing; the pseudo-header's sum with the new length.
		p[ip+10], p[ip+11] = 0, 0
		complete(p[:tcp], ip, 10)
		sum := uint32(binary.BigEndian.Uint16(b[tcp+16:])) + uint32(^uint16(len(b)-tcp)) + uint32(len(p)-tcp)
		for sum > 0xffff {
			sum = sum>>16 + sum&0xffff
		}
		binary.BigEndian.PutUint16(p[tcp+16:], uint16(sum))
		parts = append(parts, p)
	}
	return parts
}

package virtq_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/culvertdev/culvert/vhost/mem"
	"github.com/culvertdev/culvert/vhost/virtq"
	"github.com/culvertdev/culvert/vhost/virtq/driver"
)

// FuzzGuest has a guest do anything it can with its ring: proper chains by the driver's half, and in between
// anything written anywhere in the ring, its tables and the buffers. The device takes what its naive twin takes and
// says of mistakes what that says; it never panics, and one call does no more than it may.
//
// What the device writes to while the guest is moved is in the log. Behind an IOMMU a chain with an address that is not known
// waits. A device may be killed: the twin knows nothing of what is in flight then, and the next one is held to less.
//
// Input: a byte for the ring (1 packed, 2 event index, 4 in order, 8 indirect, 16 inflight region, 32 only read from, 64 logged,
// 128 behind an IOMMU), one for its size, then steps of 4 bytes: what, where, and a value.
func FuzzGuest(f *testing.F) {
	for ring := range 256 {
		ring := byte(ring)
		f.Add([]byte{ring, 4, 0, 1, 2, 3, 0, 2, 5, 60, 2, 0, 0, 0, 7, 0, 8, 0, 9, 0, 1, 0, 10, 0, 0, 0, 11, 0, 0, 0, 13, 0, 0, 0, 0, 1, 2, 3, 2, 0, 0, 0, 7, 0, 8, 0, 13, 1, 0, 0, 7, 0, 8, 0, 9, 0, 1, 0, 10, 0, 0, 0})
		f.Add([]byte{ring, 2, 0, 1, 2, 3, 2, 0, 0, 0, 4, 0, 2, 1, 7, 0, 8, 0, 9, 0, 9, 0, 10, 0, 0, 0, 13, 0, 0, 0, 14, 3, 0, 0, 7, 0, 8, 0, 14, 0, 0, 0, 7, 0, 8, 0})
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) < 2 {
			return
		}
		g := newGame(t, in[0], 1<<(in[1]%7))
		for in = in[2:]; len(in) >= 4; in = in[4:] {
			g.step(in[0], int(in[1]), binary.BigEndian.Uint16(in[2:]))
		}
	})
}

// game is a fuzzer's guest and device.
type game struct {
	*world
	twin  *twin
	taken []twinChain
	wild  bool // the device has chains that the twin does not know of
	known int  // bytes of memory that the IOMMU has told of
	log   collected
}

func newGame(t *testing.T, ring byte, size int) *game {
	s := shape{packed: ring&1 != 0, driver: driver.Config{Size: size, EventIndex: ring&2 != 0, InOrder: ring&4 != 0}}
	if ring&8 != 0 {
		s.driver.Table = 4
	}
	w := newWorldOf(t, s, 64<<10)
	g := &game{world: w, twin: newTwin(w), known: len(w.memory)}
	if ring&16 != 0 {
		w.config.Inflight = make([]byte, virtq.InflightBytes(s.packed, size))
	}
	w.config.Reads = ring&32 != 0
	if ring&64 != 0 {
		g.log = w.newLog()
		w.config.Log, w.config.LogRing, w.config.RingLog = g.log.Log, true, guestBase+w.config.Device-userBase
	}
	if ring&128 != 0 {
		w.config.IOTLB = new(mem.IOTLB)
		g.translate(0)
	}
	for i := int(w.data - guestBase); i < len(w.memory); i++ {
		w.memory[i] = byte(i ^ i>>8)
	}
	var err error
	if w.device, err = g.open(); err != nil {
		t.Fatal(err)
	}
	return g
}

// open sets a device up. Behind an IOMMU the ring's parts have the guest's addresses, as buffers do.
func (g *game) open() (device, error) {
	c := g.config
	if c.IOTLB != nil {
		for _, part := range []*uint64{&c.Desc, &c.Driver, &c.Device} {
			*part -= userBase - guestBase
		}
	}
	if g.shape.packed {
		return virtq.NewPacked(g.table, c)
	}
	return virtq.NewSplit(g.table, c)
}

// translate has the IOMMU tell of all memory but so many quarters of what is behind the ring.
func (g *game) translate(quarters int) {
	if g.config.IOTLB == nil {
		return
	}
	g.known = len(g.memory) - quarters*(len(g.memory)-int(g.data-guestBase))/4&^7
	g.config.IOTLB.Invalidate(guestBase, uint64(len(g.memory)))
	if err := g.config.IOTLB.Update(g.table, guestBase, uint64(g.known), userBase, mem.Read|mem.Write); err != nil {
		g.t.Fatal(err)
	}
	g.twin.known = g.known
	if d, ok := g.device.(interface{ Refresh() }); ok {
		d.Refresh()
	}
}

// logged does what the device does, and sees that the log has every page of memory that it changes.
func (g *game) logged(do func()) {
	if g.config.Log == nil {
		do()
		return
	}
	g.log.collect()
	before := bytes.Clone(g.memory)
	do()
	for page := 0; page < len(g.memory); page += mem.LogPage {
		if !g.log.ring(uint64(page)) && !bytes.Equal(before[page:page+mem.LogPage], g.memory[page:page+mem.LogPage]) {
			g.t.Fatalf("page %#x has changed and is not noted", page)
		}
	}
}

func (g *game) step(what byte, where int, v uint16) {
	switch what % 15 {
	case 0, 1:
		g.add(where, v)
	case 2:
		g.guest.Publish()
	case 3:
		g.guest.Reap(g.done[:])
	case 4: // a field of a descriptor
		fields := []struct{ off, n uint64 }{{0, 8}, {8, 4}, {12, 2}, {14, 2}}
		f := fields[where%4]
		at := g.config.Desc - userBase + 16*(uint64(where/4)%uint64(g.config.Size))
		g.write(at+f.off, f.n, interesting(g, v))
	case 5: // an entry of the available ring, or its index; an event word
		g.write(g.config.Driver-userBase+uint64(2*(where%(g.config.Size+3))), 2, uint64(v))
	case 6: // anything, in the ring and its tables
		g.write(uint64(v)%(g.data-guestBase), 1, uint64(where))
	case 7, 8:
		g.take(int(v % 300))
	case 9:
		g.give(int(v))
	case 10:
		g.logged(g.device.Publish)
		g.twin.shown = g.twin.next - uint16(len(g.taken))
	case 11:
		g.device.Interrupt()
		g.kicks(where%2 == 0)
	case 12:
		g.look()
	case 13:
		g.logged(func() { g.restart(where%2 != 0) })
	case 14:
		if len(g.taken) == 0 { // nobody is in the ring then
			g.translate(where % 4)
		}
	}
}

// interesting makes a value near where something begins or ends.
func interesting(g *game, v uint16) uint64 {
	near := []uint64{0, guestBase, guestBase + uint64(len(g.memory)), g.data, 1 << 16, 1 << 32, 1 << 63, g.data + uint64(v)}
	return near[v%8] + uint64(int64(int8(v>>8)))
}

// write writes n bytes of v at an offset of memory.
func (g *game) write(off, n, v uint64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], v)
	copy(g.memory[off:], b[:n])
}

// add adds a proper chain.
func (g *game) add(where int, v uint16) {
	var bufs [6]driver.Buffer
	n := 1 + where%6
	for i := range bufs[:n] {
		bufs[i] = driver.Buffer{Addr: g.data + uint64(v%1024)*8 + uint64(i), Len: 1 + uint32(where)}
	}
	reads := where / 6 % (n + 1)
	g.guest.Add(uint32(v), bufs[:reads], bufs[reads:n])
}

// take has both devices take chains.
func (g *game) take(limit int) {
	if len(g.taken) > 0 {
		return
	}
	dead := g.device.Err()
	n, err := g.device.Take(&g.chains, limit)
	if dead != nil {
		if n != 0 || err != dead {
			g.t.Fatalf("a dead queue takes %d chains, %v", n, err)
		}
		return
	}
	if g.config.Inflight != nil && g.shape.packed {
		g.twin.shown = g.twin.next // for a packed ring nothing depends on it
	}
	if g.wild {
		g.taken = make([]twinChain, n)
		return
	}
	want, k := g.twin.take(limit)
	if kindOf(err) != k || n != len(want) || n != g.chains.Len() {
		g.t.Fatalf("took %d chains of at most %d, %v; the twin took %d, %v", n, limit, err, len(want), k)
	}
	for i, c := range want {
		g.same("readable", i, g.chains.Readable(g.chains.At(i)), c.readable)
		g.same("writable", i, g.chains.Writable(g.chains.At(i)), c.writable)
	}
	g.taken = want
}

// same checks that segments are the memory of spans.
func (g *game) same(what string, chain int, segments [][]byte, want []span) {
	if len(segments) != len(want) {
		g.t.Fatalf("chain %d: %d %s segments, want %d", chain, len(segments), what, len(want))
	}
	for i, s := range segments {
		if m := g.at(want[i].addr, int(want[i].n)); len(s) != len(m) || cap(s) != len(s) || &s[0] != &m[0] {
			g.t.Fatalf("chain %d: %s segment %d is elsewhere", chain, what, i)
		}
	}
}

// give gives some chains back, written to as far as they can be.
func (g *game) give(v int) {
	used := min(v, len(g.taken))
	if g.device.Err() != nil {
		used = 0
	}
	g.logged(func() {
		for i := range used {
			if g.config.Reads {
				break // then there is nothing to be written to
			}
			c := g.chains.At(i)
			c.Written = uint32(virtq.Bytes(g.chains.Writable(c)))
			for _, s := range g.chains.Writable(c) {
				copy(s, bytes.Repeat([]byte{byte(v)}, min(len(s), 16)))
			}
		}
		g.device.Give(&g.chains, used)
	})
	for i := len(g.taken) - 1; i >= used; i-- {
		g.twin.step(-g.taken[i].slots)
	}
	g.taken = nil
}

// look and kicks have the device read the index, which the twin has to do as well.
func (g *game) look() {
	n := g.device.Available()
	if n < 0 || n > g.config.Size {
		g.t.Fatalf("%d chains available", n)
	}
	g.looked()
}

func (g *game) kicks(on bool) {
	g.logged(func() { g.device.Kicks(on) })
	g.looked()
}

func (g *game) looked() {
	if !g.shape.packed && !g.twin.dead && !g.wild {
		if k := g.twin.look(); k != kindOf(g.device.Err()) {
			g.t.Fatalf("the device says %v, the twin %v", g.device.Err(), k)
		}
	}
}

// restart sets a new device up, as after a kill or an error. It goes on where the old one was, or says why not.
func (g *game) restart(killed bool) {
	if killed = killed && g.config.Inflight != nil; !killed {
		g.device.Give(&g.chains, 0)
		g.device.Publish()
	}
	// A device that has died of a guest's mistake has given nothing back.
	g.wild = g.wild || g.config.Inflight != nil && (killed || g.device.Err() != nil)
	g.config.Position = g.device.Position()
	g.chains, g.taken = virtq.Chains{}, nil
	d, err := g.open()
	if err != nil {
		if kindOf(err) == 0 {
			g.t.Fatal(err)
		}
		g.t.SkipNow() // what the guest left is no ring any more
	}
	g.device = d
	used := uint16(g.twin.ring(g.config.Device, 2, 2))
	*g.twin = twin{w: g.world, known: g.known, next: used, seen: used, shown: used, at: int(g.config.Position & 0x7fff), wrap: g.config.Position&0x8000 != 0}
	g.looked()
}

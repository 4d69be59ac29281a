package flowcache

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/frame"
)

// A guesser sends the same packets through two readers of one cache: one expects the port's latest flow, the other makes every key.
type guesser struct {
	t         testing.TB
	rnd       *rand.Rand
	pool      *frame.Pool
	frames    *frame.Cache
	m         *Megaflow
	with      *Reader
	without   *Reader
	x         flow.Extractor
	mask      flow.Mask // of all flows there are: no two are for the same packet
	live      []Slot
	packet    []byte
	tunnel    [frame.TunnelBlock]byte
	k, each   flow.Keys
	key       flow.Key
	told, not int // packets, without a key and by it
}

// Packets that the changes begin with.
func beginnings() [][]byte {
	tcp := make([]byte, wire.EthernetSize+wire.IPv4Size+wire.TCPSize)
	copy(tcp, udpTo(1)[:wire.EthernetSize+wire.IPv4Size])
	h := tcp[wire.EthernetSize:]
	h[wire.IPv4Protocol], h[wire.IPv4Size+wire.TCPDataOff] = wire.ProtoTCP, wire.TCPSize/4<<4
	binary.BigEndian.PutUint16(h[wire.IPv4Length:], uint16(len(h)))
	tag := []byte{wire.TypeVLAN >> 8, wire.TypeVLAN & 0xff, 0, 5}
	tagged := append(append(append([]byte(nil), tcp[:12]...), tag...), tcp[12:]...)
	twice := append(append(append([]byte(nil), tagged[:12]...), tag...), tagged[12:]...)
	six := make([]byte, 80)
	binary.BigEndian.PutUint16(six[wire.EthType:], wire.TypeIPv6)
	six[wire.EthernetSize], six[wire.EthernetSize+5], six[wire.EthernetSize+6] = 6<<4, 26, wire.ProtoUDP
	labelled := append([]byte(nil), udpTo(1)...)
	binary.BigEndian.PutUint16(labelled[wire.EthType:], wire.TypeMPLS)
	return [][]byte{udpTo(1), tcp, tagged, twice, six, udpTo(0), labelled}
}

// change makes the packet at hand another in one bit, or begins with another one, or makes it shorter or longer. The outer headers that it
// comes with change as well, unless they are those of all.
func (g *guesser) change(alike bool) {
	switch g.rnd.IntN(24) {
	case 0:
		all := beginnings()
		g.packet = all[g.rnd.IntN(len(all))]
	case 1:
		g.packet = g.packet[:g.rnd.IntN(len(g.packet)+1)]
	case 2:
		g.packet = append(g.packet, make([]byte, g.rnd.IntN(8))...)
	case 3:
		if alike {
			return
		}
		g.tunnel[g.rnd.IntN(len(g.tunnel))] ^= 1 << g.rnd.IntN(8)
		binary.BigEndian.PutUint64(g.tunnel[flow.OffTunPresent:], 0) // it has no options
	case 4, 5, 6, 7, 8, 9, 10:
		if len(g.packet) > 0 {
			g.packet = append([]byte(nil), g.packet...)
			g.packet[g.rnd.IntN(min(len(g.packet), 60))] ^= 1 << g.rnd.IntN(8)
		}
	}
}

// receive makes a batch of packets that are each as the one before or differ from it in little; some have come out of a tunnel.
func (g *guesser) receive(b *frame.Batch, alike bool) {
	for range 1 + g.rnd.IntN(frame.MaxBatch) {
		g.change(alike)
		f, ok := g.frames.FromBytes(g.packet)
		if !ok {
			g.t.Fatal("no buffer")
		}
		if alike || g.rnd.IntN(6) == 0 {
			clear(g.pool.Tunnel(f)[:])
			copy(g.pool.Tunnel(f)[:], g.tunnel[:])
			f.SetFlags(frame.HasTunnel)
		}
		b.Append(f)
	}
}

// find looks a batch up as the pipeline does, less the exact-match cache.
func (g *guesser) find(r *Reader, k *flow.Keys, slots *[frame.MaxBatch]Slot) {
	known := r.Latest(k, 1, k.Short, slots)
	var room [frame.MaxBatch]uint16
	miss := room[:0]
	for i := range k.N {
		if (known|k.Short)>>i&1 == 0 {
			miss = append(miss, uint16(i))
		}
	}
	r.Lookup(k, miss, slots)
	for i := k.N - 1; i >= 0; i-- {
		if slots[i] != 0 {
			r.Meet(1, slots[i])
			return
		}
	}
}

// pass sends a batch both ways, and enters the flows of packets that have none.
func (g *guesser) pass() {
	var b frame.Batch
	alike := g.rnd.IntN(4) == 0
	g.receive(&b, alike)
	g.x.Extract(g.pool, 1, 0, &b, &g.each)
	g.with.Expect(&g.k, 1)
	if alike {
		g.x.ExtractAlike(g.pool, 1, &b, &g.k, &g.tunnel)
	} else {
		g.x.Extract(g.pool, 1, 0, &b, &g.k)
	}
	if g.k.L3 != g.each.L3 || g.k.L4 != g.each.L4 || g.k.Short != g.each.Short || g.k.Refused != g.each.Refused {
		g.headers(&b)
	}
	var slots, want [frame.MaxBatch]Slot
	g.find(g.without, &g.each, &want)
	g.find(g.with, &g.k, &slots)
	for i, f := range b.Frames() {
		same := g.k.Same>>i&1 != 0
		if slots[i] != want[i] {
			g.t.Fatalf("packet %d of %d, %x, is found in slot %d, want %d (without a key: %v)", i, b.Len(), g.pool.Bytes(f), slots[i], want[i], same)
		}
		if same {
			g.told++
			continue
		}
		if g.k.Short>>i&1 != 0 {
			continue // dropped, and nobody asks for its key
		}
		g.not++
		var key flow.Key
		g.k.Key(i, &key)
		if g.each.Key(i, &g.key); key != g.key || g.k.Hash[i] != g.each.Hash[i] {
			g.t.Fatalf("packet %d of %d, %x, has another key or hash than without a guess", i, b.Len(), g.pool.Bytes(f))
		}
	}
	for i := range b.Len() {
		if want[i] == 0 && g.each.Short>>i&1 == 0 {
			g.each.Key(i, &g.key)
			if s, err := g.m.Insert(&Flow{Key: g.key, Mask: g.mask}); err == nil {
				g.live = append(g.live, s)
			}
		}
	}
	g.frames.PutBatch(&b)
}

// headers fails if a frame's headers are not where they are without a guess. What is behind the batch is old.
func (g *guesser) headers(b *frame.Batch) {
	for i, f := range b.Frames() {
		if g.k.L3[i] != g.each.L3[i] || g.k.L4[i] != g.each.L4[i] || (g.k.Short^g.each.Short|g.k.Refused^g.each.Refused)>>i&1 != 0 {
			g.t.Fatalf("headers of %x begin at %d and %d, want %d and %d", g.pool.Bytes(f), g.k.L3[i], g.k.L4[i], g.each.L3[i], g.each.L4[i])
		}
	}
}

// clear removes all flows, and makes those that follow look at other bits, or at all.
func (g *guesser) clear() {
	for _, s := range g.live {
		g.m.Remove(s)
	}
	g.live, g.mask = g.live[:0], flow.Mask{}
	bits := [...]byte{0, 0, 0, 0xff, 0xff, 1, 0x80}
	every := 1 + g.rnd.IntN(32)
	for b := range flow.FastBlocks {
		if b != flow.Base && g.rnd.IntN(3) > 0 {
			continue
		}
		for i := range g.mask[b] {
			if (b != flow.Base || i != flow.OffBlocks) && g.rnd.IntN(every) == 0 {
				g.mask[b][i] = bits[g.rnd.IntN(len(bits))]
			}
		}
	}
}

// FuzzExpectedPackets reads its input as what happens to a cache while packets go through it that differ little from one another, and holds
// what is found of them with the port's latest flow expected against what is found by keys.
func FuzzExpectedPackets(f *testing.F) {
	for seed := range uint64(4) {
		f.Add(seed, []byte{0, 0, 0, 1, 0, 0, 2, 0, 3, 0, 0, 4, 0, 0, 1, 2, 3, 0, 0, 0, 0, 4, 0, 0, 0, 0, 3, 0, 4, 0, 0, 0})
	}
	f.Fuzz(func(t *testing.T, seed uint64, ops []byte) {
		if len(ops) > 200 {
			return
		}
		guess(t, seed, ops)
	})
}

// guess lets ops happen and returns how many packets were told without a key, and by it.
func guess(t testing.TB, seed uint64, ops []byte) (told, not int) {
	pool, frames := newFrames(t)
	m, err := New(Options{Flows: 64, Seed: &testSeed, MasksPerPort: 1 + int(seed%3)})
	if err != nil {
		t.Fatal(err)
	}
	g := &guesser{t: t, rnd: rand.New(rand.NewPCG(seed, 0)), pool: pool, frames: frames, m: m, with: m.NewReader(), without: m.NewReader(), packet: udpTo(1)}
	g.x = flow.Extractor{Seed: testSeed, VLANLimit: int(seed % 3)}
	g.clear()
	for _, op := range ops {
		switch op % 8 {
		case 1: // one flow goes
			if n := len(g.live); n > 0 {
				i := g.rnd.IntN(n)
				m.Remove(g.live[i])
				g.live[i] = g.live[n-1]
				g.live = g.live[:n-1]
			}
		case 2: // slots may be others' from here on
			g.with.Tick()
			g.without.Tick()
			m.Reclaim()
		case 3: // the worker is at the end of a cycle, the other is not
			g.with.Tick()
		case 4:
			g.clear()
		default:
			g.pass()
		}
	}
	g.with.Close()
	g.without.Close()
	return g.told, g.not
}

// TestExpectedPacketsAreFoundAsOthers is the fuzz target over many seeds, and shows that it comes to packets of both kinds.
func TestExpectedPacketsAreFoundAsOthers(t *testing.T) {
	told, not, seeds := 0, 0, uint64(200)
	if testing.Short() {
		seeds = 50
	}
	for seed := range seeds {
		ops := make([]byte, 100)
		for i := range ops {
			ops[i] = byte(rand.New(rand.NewPCG(seed, uint64(i))).IntN(8))
			if ops[i] == 4 && i%5 != 0 {
				ops[i] = 0
			}
		}
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			a, b := guess(t, seed, ops)
			told, not = told+a, not+b
		})
	}
	t.Logf("%d packets told without a key, %d by it", told, not)
	if told < 1000 || not < 1000 {
		t.Errorf("%d packets were told without a key and %d by it: too few to tell", told, not)
	}
}

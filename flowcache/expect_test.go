package flowcache

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/frame"
)

// udpTo returns a packet of 60 bytes to 10.0.0.last, or an ARP packet if last is 0.
func udpTo(last byte) []byte {
	pkt := make([]byte, 60)
	binary.BigEndian.PutUint16(pkt[wire.EthType:], wire.TypeARP)
	if last != 0 {
		binary.BigEndian.PutUint16(pkt[wire.EthType:], wire.TypeIPv4)
		h := pkt[wire.EthernetSize:]
		h[0], h[wire.IPv4Protocol] = 4<<4|wire.IPv4Size/4, wire.ProtoUDP
		binary.BigEndian.PutUint16(h[wire.IPv4Length:], uint16(len(h)))
		binary.BigEndian.PutUint32(h[wire.IPv4Dst:], 10<<24|uint32(last))
	}
	return pkt
}

// newFrames returns room for a batch of packets, which has to be free again when the test ends.
func newFrames(t testing.TB) (*frame.Pool, *frame.Cache) {
	t.Helper()
	pool, err := frame.NewPool(frame.Options{Buffers: 64, Huge: frame.HugeNever, Audit: true})
	if err != nil {
		t.Fatal(err)
	}
	frames, err := pool.NewCache()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		frames.Close()
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	})
	return pool, frames
}

// TestLatestFindsWithoutKeysWhatItFindsByThem looks the same packets up with and without an extraction that knows what to expect.
func TestLatestFindsWithoutKeysWhatItFindsByThem(t *testing.T) {
	pool, frames := newFrames(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	x := &flow.Extractor{Seed: testSeed}
	var b frame.Batch
	spared := 0
	for round := range 2000 {
		for range 20 {
			f, ok := frames.FromBytes(udpTo(byte(rnd.IntN(4))))
			if !ok {
				t.Fatal("no buffer")
			}
			if rnd.IntN(3) == 0 {
				clear(pool.Tunnel(f)[:])
				pool.Tunnel(f)[flow.OffTunTOS] = byte(4 * rnd.IntN(2))
				f.SetFlags(frame.HasTunnel)
			}
			b.Append(f)
		}
		var keys, without flow.Keys
		x.Extract(pool, 1, 0, &b, &keys)
		var of flow.Key
		keys.Key(rnd.IntN(b.Len()), &of)
		var mask flow.Mask
		mask[flow.Base][flow.OffIPDst+3] = [...]byte{0, 2, 0xff}[rnd.IntN(3)]
		mask[flow.Tunnel][flow.OffTunTOS] = byte(0xff * rnd.IntN(2))
		mask[flow.Net6][flow.OffIP6Label+3] = byte(rnd.IntN(2))
		m := mustNew(t, Options{})
		r := m.NewReader()
		s, _ := put(t, m, of, mask)
		r.Meet(1, s)
		r.Expect(&without, 1)
		x.Extract(pool, 1, 0, &b, &without)
		gone := rnd.Uint64() & rnd.Uint64()
		var slots, want [frame.MaxBatch]Slot
		by, found := r.Latest(&keys, 1, gone, &want), r.Latest(&without, 1, gone, &slots)
		if found != by || slots != want {
			t.Fatalf("round %d: found %b without keys, %b by them", round, found, by)
		}
		if without.Same&^gone&^by != 0 {
			t.Fatalf("round %d: %b of %b are none of the flow's", round, without.Same&^by, without.Same)
		}
		spared += int(without.Same & 1)
		m.Remove(s)
		r.Expect(&without, 1)
		x.Extract(pool, 1, 0, &b, &without)
		if without.Guessed != 0 {
			t.Fatalf("round %d: a flow that was removed is expected", round)
		}
		r.Close()
		frames.PutBatch(&b)
	}
	if spared < 100 {
		t.Errorf("of 2000 packets %d were found without a key, which is too few to tell", spared)
	}
}

// TestPacketsOfOneKeyFareAlikeWhenTheirFlowGoes: the extraction tells some without a key, others with IP options are no plain packets and are
// told by it. If the flow goes in between, all are still of it: those that ask the slow path would be overtaken by those that do not.
func TestPacketsOfOneKeyFareAlikeWhenTheirFlowGoes(t *testing.T) {
	pool, frames := newFrames(t)
	plain := udpTo(1)
	option := make([]byte, 0, len(plain)+4)
	option = append(option, plain[:wire.EthernetSize+wire.IPv4Size]...)
	option = append(option, 1, 1, 1, 0) // three of no operation and the end of the list (RFC 791 section 3.1)
	option = append(option, plain[wire.EthernetSize+wire.IPv4Size:]...)
	option[wire.EthernetSize]++
	binary.BigEndian.PutUint16(option[wire.EthernetSize+wire.IPv4Length:], uint16(len(option)-wire.EthernetSize))
	var b frame.Batch
	for _, pkt := range [][]byte{option, plain, option} {
		f, ok := frames.FromBytes(pkt)
		if !ok {
			t.Fatal("no buffer")
		}
		b.Append(f)
	}
	x := &flow.Extractor{Seed: testSeed}
	var k flow.Keys
	x.Extract(pool, 1, 0, &b, &k)
	if k.Hash[0] != k.Hash[1] {
		t.Fatal("options are part of the key")
	}
	var of flow.Key
	k.Key(0, &of)
	m := mustNew(t, Options{})
	r := m.NewReader()
	s, _ := put(t, m, of, prefix(8))
	r.Meet(1, s)
	r.Expect(&k, 1)
	x.Extract(pool, 1, 0, &b, &k)
	if k.Same != 0b010 {
		t.Fatalf("%03b are told without a key, want the plain packet", k.Same)
	}
	m.Remove(s)
	var slots [frame.MaxBatch]Slot
	if found := r.Latest(&k, 1, 0, &slots); found != 0b111 {
		t.Errorf("%03b are of the flow that has just gone, want all", found)
	}
	r.Close()
	frames.PutBatch(&b)
}

func TestNothingIsExpectedOfAPortBeyondTheCacheOrAtRest(t *testing.T) {
	m := mustNew(t, Options{})
	r := m.NewReader()
	defer r.Close()
	var k flow.Keys
	r.Expect(&k, maxPorts)
	s, _ := put(t, m, newKey(1, 1), flow.Mask{})
	r.Meet(1, s)
	r.latest[1].rest.resting = true
	r.Expect(&k, 1)
	var b frame.Batch
	(&flow.Extractor{}).Extract(nil, 1, 0, &b, &k)
	if k.Guessed != 0 {
		t.Errorf("%b were held against a guess", k.Guessed)
	}
}

package flowcache

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/frame"
)

// benchKey returns key number n of a port, as a UDP flow between two hosts would have it.
func benchKey(n uint32) flow.Key {
	k := newKey(1, 1)
	putBenchKey(&k[flow.Base], n)
	return k
}

// putBenchKey writes both addresses at once: look-ups load whole words, and a load that needs two stores
// still in flight waits for them.
func putBenchKey(base *flow.Block, n uint32) {
	binary.BigEndian.PutUint64(base[flow.OffIPSrc:], uint64(n))
}

// benchMask returns mask number n: port, destination address, and one more bit for each n.
func benchMask(n int) flow.Mask {
	var m flow.Mask
	exact(&m, flow.OffInPort, 8)
	exact(&m, flow.OffIPDst, 4)
	m[flow.Base][flow.OffEthSrc+n/8] |= 1 << (n % 8)
	return m
}

// benchCache returns a cache with flows flows spread over masks masks.
func benchCache(b *testing.B, flows, masks int) *Megaflow {
	m := mustNew(b, Options{Flows: max(flows, 65536), MasksPerPort: max(masks, 1)})
	for n := range flows {
		if _, err := m.Insert(&Flow{Key: benchKey(uint32(n)), Mask: benchMask(n % masks)}); err != nil {
			b.Fatal(err)
		}
	}
	return m
}

// benchBatches returns full batches of keys drawn from flows with a stride that no prefetcher follows.
func benchBatches(flows, first, count int) []flow.Keys {
	batches := make([]flow.Keys, count)
	var keys [frame.MaxBatch]flow.Key
	n := uint64(1)
	for i := range batches {
		for j := range keys {
			n = n*6364136223846793005 + 1442695040888963407
			keys[j] = benchKey(uint32(first) + uint32(n>>33)%uint32(flows))
		}
		setKeys(&batches[i], keys[:]...)
	}
	return batches
}

func perPacket(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*frame.MaxBatch), "ns/pkt")
}

// fillEMC enters every key of batches.
func fillEMC(b *testing.B, e *EMC, m *Megaflow, batches []flow.Keys) {
	var key flow.Key
	for n := range batches {
		for i := range batches[n].N {
			batches[n].Key(i, &key)
			s, ok := m.Find(&key)
			if !ok {
				b.Fatal("a key belongs to no flow")
			}
			e.Insert(&batches[n], i, s)
		}
	}
}

func BenchmarkEMC(b *testing.B) {
	const flows = 65536
	shapes := []struct {
		name        string
		first, keys int  // that packets have
		hit         bool // all of them are in the EMC; else none is
	}{
		{"hit-1flow", 0, 1, true},                 // one elephant: an iperf stream
		{"hit-64flows", 0, 64, true},              // a few hosts
		{"hit-1024flows", 0, 1024, true},          // a busy server's clients
		{"hit-4096flows", 0, 4096, true},          // half of the entries
		{"miss-1Mflows", flows, 1_000_000, false}, // a scan, or a carrier's aggregate: the EMC is full of others
	}
	for _, shape := range shapes {
		b.Run(shape.name, func(b *testing.B) {
			m := benchCache(b, flows, 1)
			e := NewEMC(0, 1, m)
			batches := benchBatches(shape.keys, shape.first, 64)
			if shape.hit {
				fillEMC(b, e, m, batches)
			} else {
				fillEMC(b, e, m, benchBatches(flows, 0, 256))
			}
			var slots [frame.MaxBatch]Slot
			var idx [frame.MaxBatch]uint16
			b.ReportAllocs()
			n, missed := 0, 0
			for b.Loop() {
				missed += len(e.Lookup(&batches[n%len(batches)], 0, &slots, idx[:]))
				n++
			}
			perPacket(b)
			if rate := float64(missed) / float64(n*frame.MaxBatch); shape.hit && rate > 0.02 || !shape.hit && rate < 0.98 {
				b.Errorf("%.3f of the packets missed", rate)
			}
		})
	}
}

// newKeyAt makes key i of a batch that of flow n, in warm memory, as extraction leaves it.
func newKeyAt(k *flow.Keys, i int, n uint32) {
	base := &k.Block[flow.Base][i]
	putBenchKey(base, n)
	k.Hash[i] = flow.HashBlock(0, base, &testSeed)
}

// A shape is a point of the grid of benchmarks.
type shape struct{ flows, masks int }

func grid(flows, masks []int) (all []shape) {
	for _, f := range flows {
		for _, m := range masks {
			all = append(all, shape{f, m})
		}
	}
	return all
}

func BenchmarkMegaflow(b *testing.B) {
	// One elephant, a plain L2 switch's connections, a busy site's, a carrier's aggregate: of the last every line
	// of every table is far away. One mask to a port at its cap.
	for _, shape := range grid([]int{1, 1024, 65536, 1_000_000}, []int{1, 2, 4, 8, 16, 32}) {
		if shape.masks > shape.flows {
			continue
		}
		b.Run(fmt.Sprintf("hit-%dmask-%dflow", shape.masks, shape.flows), func(b *testing.B) {
			m := benchCache(b, shape.flows, shape.masks)
			r := m.NewReader()
			defer r.Close()
			k := &benchBatches(1, 0, 1)[0]
			var slots [frame.MaxBatch]Slot
			var idx [frame.MaxBatch]uint16
			b.ReportAllocs()
			// Every flow three times: hints rest while they find nothing. Then flows at random.
			for n := 0; n < 3*shape.flows; n += k.N {
				for i := range k.N {
					newKeyAt(k, i, uint32((n+i)%shape.flows))
				}
				r.Lookup(k, allOf(&idx, k.N), &slots)
			}
			n, missed := uint32(0), 0
			for b.Loop() {
				for i := range k.N {
					n = n*1664525 + 1013904223
					newKeyAt(k, i, uint32(uint64(n)*uint64(shape.flows)>>32))
				}
				missed += len(r.Lookup(k, allOf(&idx, k.N), &slots))
			}
			perPacket(b)
			if missed > 0 {
				b.Errorf("%d packets missed", missed)
			}
		})
	}
}

// Counting one packet of each of many flows: the dearest case, since the datapath credits per flow of a batch.
func BenchmarkCredit(b *testing.B) {
	m := benchCache(b, 65536, 1)
	r := m.NewReader()
	defer r.Close()
	b.ReportAllocs()
	s := Slot(1)
	for b.Loop() {
		r.Credit(s, 1, 60, 1)
		s = s%1024 + 1
	}
}

// What BenchmarkMegaflow contains of its own.
func BenchmarkMegaflowKeys(b *testing.B) {
	k := &benchBatches(1, 0, 1)[0]
	n := uint32(0)
	for b.Loop() {
		for i := range k.N {
			n = n*1664525 + 1013904223
			newKeyAt(k, i, n)
		}
	}
	perPacket(b)
}

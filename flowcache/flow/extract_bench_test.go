package flow

import (
	"testing"

	"github.com/culvertdev/culvert/ring/frame"
)

// BenchmarkExtract measures the whole of Extract, hash included, per packet of a full batch whose
// bytes are in the cache.
func BenchmarkExtract(b *testing.B) {
	shapes := []struct {
		name string
		pkt  []byte
	}{
		{"ipv4-udp/64B", udp4Packet(60)},         // DNS, VoIP, the smallest test traffic
		{"ipv4-tcp/1500B", tcp4Packet(1514)},     // bulk transfer
		{"ipv6-tcp/1500B", tcp6Packet(1514)},     // the same over IPv6: two key blocks
		{"vlan-ipv4-udp/64B", vlanPacket(60)},    // a trunk port
		{"arp/60B", arpPacket()},                 // broadcast noise of a large segment
		{"ipv6-nd/86B", neighbourSolicitation()}, // the same of IPv6: options walked
	}
	for _, s := range shapes {
		b.Run(s.name, func(b *testing.B) {
			pool, c := newTestPool(b)
			var batch frame.Batch
			for range frame.MaxBatch {
				batch.Append(newFrame(b, pool, c, s.pkt))
			}
			defer closeTestPool(b, pool, c, &batch)
			e := &Extractor{Seed: FixedSeed(1)}
			k := new(Keys)
			b.ReportAllocs()
			for b.Loop() {
				e.Extract(pool, 1, 0, &batch, k)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/frame.MaxBatch, "ns/pkt")
		})
	}
}

// BenchmarkHash measures the keyed hash of one block, as for each packet without extension blocks,
// and the masked one, as for each subtable a look-up visits.
func BenchmarkHash(b *testing.B) {
	seed := FixedSeed(1)
	var key, mask Block
	fillBytes(key[:], 1)
	fillBytes(mask[:], 2)
	var sum uint64
	b.Run("block", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			sum += HashBlock(0, &key, &seed)
		}
	})
	b.Run("masked", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			sum += HashMaskedBlock(0, &key, &mask, &seed)
		}
	})
	b.Run("equal-masked", func(b *testing.B) {
		var want Block
		want.And(&key, &mask)
		b.ReportAllocs()
		for b.Loop() {
			if EqualMasked(&key, &mask, &want) {
				sum++
			}
		}
	})
	_ = sum
}

//go:build !amd64 || purego || race

package flowcache

func bump(r *row, packets, bytes uint64, now int64) { bumpGeneric(r, packets, bytes, now) }

func bumpEach(rows []row, slots []Slot, sizes []uint32, now int64) {
	bumpEachGeneric(rows, slots, sizes, now)
}

func bump1(p *uint64, n uint64) { bump1Generic(p, n) }

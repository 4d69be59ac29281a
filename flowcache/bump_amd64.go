//go:build !purego && !race

package flowcache

// bump is bumpGeneric without its locked instructions: sync/atomic stores are exchanges on amd64, 7.5 ns
// each, where this is a few plain ones. The compiler cannot see into it, so it can neither split nor
// drop nor delay the stores.
//
//go:noescape
func bump(r *row, packets, bytes uint64, now int64)

// bumpEach is bumpEachGeneric in the same way. It holds neither slots against the number of rows nor the number of sizes against that
// of slots.
//
//go:noescape
func bumpEach(rows []row, slots []Slot, sizes []uint32, now int64)

// bump1 is bump1Generic in the same way.
//
//go:noescape
func bump1(p *uint64, n uint64)

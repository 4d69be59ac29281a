//go:build !amd64 || purego || race

package flowcache

func bump(r *row, packets, bytes uint64, now int64) { bumpGeneric(r, packets, bytes, now) }

func bump1(p *uint64, n uint64) { bump1Generic(p, n) }

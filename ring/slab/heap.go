//go:build !race

package slab

// onHeap: slabs are ordinary slices.
const onHeap = false

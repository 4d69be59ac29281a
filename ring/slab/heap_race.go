//go:build race

package slab

// onHeap: slabs are ordinary slices. The race detector watches nothing outside the heap.
const onHeap = true

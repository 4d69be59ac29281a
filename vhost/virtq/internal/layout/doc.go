// Package layout is what both halves of a virtqueue know: how descriptors and rings lie in memory, and how words
// that two processes share are loaded and stored (VIRTIO 1.2, 2.7 and 2.8).
package layout

package frame

// A Batch is up to MaxBatch frames in arrival order. The zero value is empty. Declare batches as
// fields of long-lived structs: a local batch passed to an interface method moves to the heap.
type Batch struct {
	n int
	f [MaxBatch]Frame
}

// Len returns the number of frames in b.
func (b *Batch) Len() int { return b.n }

// Room returns how many more frames fit.
func (b *Batch) Room() int { return MaxBatch - b.n }

// Frames returns the frames of b. The slice aliases b and is valid until b changes.
func (b *Batch) Frames() []Frame { return b.f[:b.n] }

// Append adds f to b, which must have room.
func (b *Batch) Append(f Frame) {
	b.f[b.n] = f
	b.n++
}

// AppendAll adds fs to b, which must have room for all of them.
func (b *Batch) AppendAll(fs []Frame) {
	copy(b.f[b.n:b.n+len(fs)], fs)
	b.n += len(fs)
}

// Truncate keeps the first n frames. It does not free the others: they have gone elsewhere.
func (b *Batch) Truncate(n int) { b.n = n }

// Reset empties b. It does not free the frames: they have gone elsewhere.
func (b *Batch) Reset() { b.n = 0 }

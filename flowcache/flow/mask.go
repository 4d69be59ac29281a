package flow

// Bytes returns the bytes of m that field f lies in, in network byte order. They alias m.
func (m *Mask) Bytes(f FieldID) []byte { return (*Key)(m).Bytes(f) }

// Uint returns the mask of a field as a number; of one of 16 bytes, the lower half.
func (m *Mask) Uint(f FieldID) uint64 { return (*Key)(m).Uint(f) }

// SetExact adds all bits of a field to m.
func (m *Mask) SetExact(f FieldID) {
	info := &fields[f]
	b := &m[info.Block]
	if info.Size == 16 {
		b.store(info.Off, 8, in64)
		b.store(info.Off+8, 8, in64)
		return
	}
	b.store(info.Off, info.Size, b.load(info.Off, info.Size)|info.In)
}

// SetBits adds the bits of v, as in the value of field f, to m. Of a field of 16 bytes it reaches the
// lower half.
func (m *Mask) SetBits(f FieldID, v uint64) {
	info := &fields[f]
	b := &m[info.Block]
	info.put(b, info.get(b)|v)
}

// Clear removes all bits of a field from m.
func (m *Mask) Clear(f FieldID) { (*Key)(m).SetUint(f, 0) }

// Any reports whether m has a bit of field f.
func (m *Mask) Any(f FieldID) bool {
	info := &fields[f]
	b := &m[info.Block]
	if info.Size == 16 {
		return b.load(info.Off, 8)|b.load(info.Off+8, 8) != 0
	}
	return b.load(info.Off, info.Size)&info.In != 0
}

// Exact reports whether m has all bits of field f.
func (m *Mask) Exact(f FieldID) bool {
	info := &fields[f]
	b := &m[info.Block]
	if info.Size == 16 {
		return b.load(info.Off, 8)&b.load(info.Off+8, 8) == in64
	}
	return b.load(info.Off, info.Size)&info.In == info.In
}

// Union adds all bits of o to m.
func (m *Mask) Union(o *Mask) {
	for i := range m {
		m[i].Or(&o[i])
	}
}

// Covers reports whether m has every bit that o has: a flow under o may be entered under m.
func (m *Mask) Covers(o *Mask) bool {
	var missing uint64
	for i := range m {
		for j := range blockWords {
			missing |= o[i].word(j) &^ m[i].word(j)
		}
	}
	return missing == 0
}

// Blocks returns which blocks m has bits in: bit i for block i.
func (m *Mask) Blocks() uint16 {
	var v uint16
	for i := range m {
		if !m[i].IsZero() {
			v |= 1 << i
		}
	}
	return v
}

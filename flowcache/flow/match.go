package flow

// A Match is a set of keys: those that equal Key in all bits set in Mask. The zero Match is all keys.
// Key has no bit set that Mask has not; the methods keep it so.
type Match struct {
	Key  Key
	Mask Mask
}

// Matches reports whether k is in m.
func (m *Match) Matches(k *Key) bool {
	for i := range k {
		if !EqualMasked(&k[i], &m.Mask[i], &m.Key[i]) {
			return false
		}
	}
	return true
}

// Overlaps reports whether some key is in both m and o.
func (m *Match) Overlaps(o *Match) bool {
	for i := range m.Key {
		for j := range blockWords {
			if (m.Key[i].word(j)^o.Key[i].word(j))&m.Mask[i].word(j)&o.Mask[i].word(j) != 0 {
				return false
			}
		}
	}
	return true
}

// Covers reports whether every key in o is in m.
func (m *Match) Covers(o *Match) bool { return o.Mask.Covers(&m.Mask) && m.Matches(&o.Key) }

// SetUint makes m match exactly v in field f, whatever it matched there before.
func (m *Match) SetUint(f FieldID, v uint64) {
	m.Key.SetUint(f, v)
	m.Mask.SetExact(f)
}

// SetUintMasked makes m match v in those bits of field f that are set in mask, whatever it matched
// there before. The field has at most 8 bytes.
func (m *Match) SetUintMasked(f FieldID, v, mask uint64) {
	m.Key.SetUint(f, v&mask)
	m.Mask.Clear(f)
	m.Mask.SetBits(f, mask)
}

// SetBytesMasked does the same for a field that has its bytes for itself. value and mask are in
// network byte order and as long as the field.
func (m *Match) SetBytesMasked(f FieldID, value, mask []byte) {
	dst, to := m.Key.Bytes(f), m.Mask.Bytes(f)
	for i := range dst {
		dst[i], to[i] = value[i]&mask[i], mask[i]
	}
}

// Clear makes m match anything in field f.
func (m *Match) Clear(f FieldID) {
	m.Key.SetUint(f, 0)
	m.Mask.Clear(f)
}

// Apply removes the bits of Key that Mask has not, for whoever has filled the two directly.
func (m *Match) Apply() {
	for i := range m.Key {
		m.Key[i].And(&m.Key[i], &m.Mask[i])
	}
}

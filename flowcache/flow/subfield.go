package flow

import (
	"fmt"
	"strconv"
	"strings"
)

// A Subfield is a range of bits of a field, as actions and matches name it: NXM_NX_REG0[0..15].
type Subfield struct {
	Field FieldID
	Off   uint16 // its least significant bit
	Bits  uint16 // its width, up to 128; of a tunnel option 992
}

// ParseSubfield parses "FIELD[]", "FIELD[bit]", "FIELD[first..last]" or "FIELD", the whole.
func ParseSubfield(s string) (Subfield, error) {
	name, bounds, bracket := strings.Cut(s, "[")
	f, ok := FieldByName(name)
	if !ok {
		return Subfield{}, fmt.Errorf("%s: want a field, found an unknown name%s", s, Hint(name))
	}
	whole := Subfield{Field: f, Bits: fields[f].Bits}
	bounds, closed := strings.CutSuffix(bounds, "]")
	switch {
	case !bracket || closed && bounds == "":
		return whole, nil
	case !closed:
		return Subfield{}, fmt.Errorf("%s: want ] at the end", s)
	}
	first, last, isRange := strings.Cut(bounds, "..")
	if !isRange {
		last = first
	}
	a, err1 := strconv.ParseUint(first, 10, 16)
	b, err2 := strconv.ParseUint(last, 10, 16)
	if err1 != nil || err2 != nil || a > b || b >= uint64(whole.Bits) {
		return Subfield{}, fmt.Errorf("%s: want bits first..last within 0 to %d, found %q", s, whole.Bits-1, bounds)
	}
	return Subfield{Field: f, Off: uint16(a), Bits: uint16(b - a + 1)}, nil
}

// String returns s as ParseSubfield takes it.
func (s Subfield) String() string {
	name := s.Field.String()
	switch {
	case s.Bits == fields[s.Field].Bits:
		return name + "[]"
	case s.Bits == 1:
		return fmt.Sprintf("%s[%d]", name, s.Off)
	}
	return fmt.Sprintf("%s[%d..%d]", name, s.Off, s.Off+s.Bits-1)
}

// parseSubfield makes m match value in the bits of sub and leaves the field's other bits as they are.
func (m *Match) parseSubfield(sub Subfield, name, value string, names Names) error {
	info := &fields[sub.Field]
	if info.Kind == TunMetadata {
		return m.parseOptionPart(sub, name, value, names.Options)
	}
	if sub.Bits == info.Bits && sub.Field != FieldVLANVID {
		// The whole field may be written as a number too, whatever its own notation.
		if v, err := parseNumber(value, exactValue(info)); err == nil {
			return m.setField(sub.Field, name, v, exactValue(info))
		}
		return m.parseWhole(sub.Field, name, value, names)
	}
	if !info.Maskable {
		return fmt.Errorf("%s: want all of %s, since parts of it cannot be matched", name, info.Name)
	}
	ones := onesValue(int(sub.Bits))
	number := func(s string) (Value, error) { return parseNumber(s, ones) }
	v, mask, err := parseMasked(value, ones, number, number)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	m.setPart(sub, &v, &mask)
	return nil
}

// setPart makes m match the lower bits of v under mask in sub, and leaves the field's other bits as they
// are.
func (m *Match) setPart(sub Subfield, v, mask *Value) {
	val, bits := valueOf(&m.Key, sub.Field), valueOf((*Key)(&m.Mask), sub.Field)
	for i := range int(sub.Bits) {
		at := int(sub.Off) + i
		bits.setBit(at, mask.bit(i))
		val.setBit(at, mask.bit(i) && v.bit(i))
	}
	if fields[sub.Field].Size == 16 {
		m.SetBytesMasked(sub.Field, val[:], bits[:])
		return
	}
	m.SetUintMasked(sub.Field, val.Uint(), bits.Uint())
}

// valueOf returns the value of a field in k.
func valueOf(k *Key, f FieldID) Value {
	if fields[f].Size == 16 {
		return Value(k.Bytes(f))
	}
	return UintValue(k.Uint(f))
}

func (v *Value) bit(i int) bool { return v[15-i/8]>>(i%8)&1 != 0 }

func (v *Value) setBit(i int, on bool) {
	v[15-i/8] &^= 1 << (i % 8)
	if on {
		v[15-i/8] |= 1 << (i % 8)
	}
}

package flow

import (
	"cmp"
	"errors"
	"fmt"
	"math/bits"
	"slices"
)

// Sizes of tunnel options (RFC 8926 section 3.5; ovs-fields(7), "Geneve Fields").
const (
	optionWord    = 4   // bytes: options are multiples of it
	optionHeader  = 4   // bytes in front of an option's value
	maxOptionSize = 124 // bytes of an option's value
	optionWords   = OptionSize / optionWord

	optionCritical = 0x80 // bit of an option's type: who does not know it must drop the packet
)

// What is wrong with a mapping of options. OVS knows each by the name in brackets.
var (
	ErrOptionSize   = errors.New("want a length of 4 to 124 bytes, a multiple of 4 (NXTTMFC_BAD_OPT_LEN)")
	ErrOptionField  = errors.New("want a field of tun_metadata0 to tun_metadata63 (NXTTMFC_BAD_FIELD_IDX)")
	ErrFieldMapped  = errors.New("the field has an option already (NXTTMFC_ALREADY_MAPPED)")
	ErrOptionMapped = errors.New("the option has a field already (NXTTMFC_DUP_ENTRY)")
	ErrOptionsFull  = fmt.Errorf("want no more than %d bytes of options in all (NXTTMFC_TABLE_FULL)", OptionSize)
)

// An Option is a tunnel option, as GENEVE has them, and the field it is matched and written as.
type Option struct {
	Class uint16
	Type  uint8 // with the bit that says that the option is critical
	Size  uint8 // bytes of its value
	Field FieldID
}

// A TLVMap says which tunnel options are which of the fields tun_metadata0 to tun_metadata63, and where
// in a key their values lie. nil is the map of no option.
//
// Thread-safety: a map does not change. Adding to it or removing from it makes another one, in which
// the options of both lie in the same place: keys, masks and matches made with either agree.
type TLVMap struct {
	options []Option           // by field
	places  map[FieldID]*Place // of the fields in options
	index   []received         // the options by what packets say of them, in the order of their ids
	used    uint64             // bit i: 4-byte word i of the options' room is taken
}

// A received option is one as packets name it.
type received struct {
	id    uint32 // optionID
	field FieldID
	place *Place
}

// optionID is class and type as one number.
func optionID(class uint16, typ uint8) uint32 { return uint32(class)<<8 | uint32(typ) }

var _ = [1]struct{}{}[optionWords-64]

// Add returns a map with more options.
func (m *TLVMap) Add(options ...Option) (*TLVMap, error) {
	next := m.clone()
	for _, o := range options {
		if err := next.add(o); err != nil {
			return nil, fmt.Errorf("%s: %w", o, err)
		}
	}
	next.sort()
	return next, nil
}

// Remove returns a map without the fields of some options, as ovs-ofctl del-tlv-map does: it goes by the
// field. Fields without an option are passed over.
func (m *TLVMap) Remove(options ...Option) *TLVMap {
	next := m.clone()
	for _, o := range options {
		p := next.places[o.Field]
		if p == nil {
			continue
		}
		for _, w := range p.words[:p.n] {
			next.used &^= 1 << w
		}
		delete(next.places, o.Field)
		next.options = slices.DeleteFunc(next.options, func(other Option) bool { return other.Field == o.Field })
	}
	next.sort()
	return next
}

// Replace returns a map of some options only. Those that m has too stay where they are.
func (m *TLVMap) Replace(options []Option) (*TLVMap, error) {
	var gone, come []Option
	for _, o := range m.Options() {
		if !slices.Contains(options, o) {
			gone = append(gone, o)
		}
	}
	for _, o := range options {
		if !slices.Contains(m.Options(), o) {
			come = append(come, o)
		}
	}
	return m.Remove(gone...).Add(come...)
}

// Options returns the options of m, in the order of their fields. The caller must not change them.
func (m *TLVMap) Options() []Option {
	if m == nil {
		return nil
	}
	return m.options
}

// Used returns how many bytes of the room for options are taken.
func (m *TLVMap) Used() int {
	if m == nil {
		return 0
	}
	return bits.OnesCount64(m.used) * optionWord
}

// Place returns where the value of field f lies; nil if f has no option in m.
func (m *TLVMap) Place(f FieldID) *Place {
	if m == nil {
		return nil
	}
	return m.places[f]
}

// Find returns the option with a class and type, if m has it.
func (m *TLVMap) Find(class uint16, typ uint8) (Option, bool) {
	for _, o := range m.Options() {
		if o.Class == class && o.Type == typ {
			return o, true
		}
	}
	return Option{}, false
}

// sort fills in the index of a map that nobody else has yet.
func (m *TLVMap) sort() {
	m.index = make([]received, 0, len(m.options))
	for _, o := range m.options {
		m.index = append(m.index, received{optionID(o.Class, o.Type), o.Field, m.places[o.Field]})
	}
	slices.SortFunc(m.index, func(a, b received) int { return cmp.Compare(a.id, b.id) })
}

// find returns the option with an id, nil if m has it not. Workers call it.
func (m *TLVMap) find(id uint32) *received {
	if m == nil {
		return nil
	}
	low, high := 0, len(m.index)
	for low < high {
		if mid := (low + high) / 2; m.index[mid].id < id {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low == len(m.index) || m.index[low].id != id {
		return nil
	}
	return &m.index[low]
}

func (m *TLVMap) clone() *TLVMap {
	next := &TLVMap{places: make(map[FieldID]*Place)}
	if m == nil {
		return next
	}
	next.options, next.used = slices.Clone(m.options), m.used
	for f, p := range m.places {
		next.places[f] = p
	}
	return next
}

// add adds an option to a map that nobody else has yet.
func (m *TLVMap) add(o Option) error {
	switch _, found := m.Find(o.Class, o.Type); {
	case o.Size == 0 || o.Size > maxOptionSize || o.Size%optionWord != 0:
		return ErrOptionSize
	case !o.Field.IsTunMetadata():
		return ErrOptionField
	case found:
		return ErrOptionMapped
	case m.places[o.Field] != nil:
		return ErrFieldMapped
	case m.Used()+int(o.Size) > OptionSize:
		return ErrOptionsFull
	}
	p := &Place{n: o.Size / optionWord}
	for i := range p.n {
		// The first free words: in one piece, unless others were removed.
		w := bits.TrailingZeros64(^m.used)
		p.words[i] = uint8(w)
		m.used |= 1 << w
	}
	m.places[o.Field] = p
	at, _ := slices.BinarySearchFunc(m.options, o, func(a, b Option) int { return int(a.Field) - int(b.Field) })
	m.options = slices.Insert(m.options, at, o)
	return nil
}

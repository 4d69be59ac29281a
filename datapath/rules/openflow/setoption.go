package openflow

import (
	"fmt"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// maxOption is the most bytes that a tunnel option's value has.
const maxOption = 124

// SetOption writes bits of a tunnel option, tun_metadata0 to tun_metadata63, and makes it one the packet
// has. What lies beyond the option's length, which the table knows, is refused when the rule is added.
type SetOption struct {
	Field flow.FieldID
	// Value and Mask are numbers in network byte order without zeros in front: bits of Mask are written; nil
	// is all. Value has no other bits.
	Value, Mask []byte
}

func (a *SetOption) appendText(b []byte) []byte {
	b = appendLongNumber(append(b, "set_field:"...), a.Value)
	if a.Mask != nil {
		b = appendLongNumber(append(b, '/'), a.Mask)
	}
	return append(append(b, "->"...), a.Field.String()...)
}

// appendLongNumber appends a number without zeros in front as C's %#x does.
func appendLongNumber(b, number []byte) []byte {
	if len(number) == 0 {
		return append(b, '0')
	}
	b = fmt.Appendf(b, "0x%x", number[0])
	return fmt.Appendf(b, "%x", number[1:])
}

// parseSetOption reads set_field for a tunnel option.
func parseSetOption(f flow.FieldID, text string) (Action, error) {
	value, mask, err := flow.ParseOptionValue(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f, err)
	}
	if mask != nil {
		if len(mask) == 0 {
			return nil, fmt.Errorf("%s: want a value for some bits, found %q", f, text)
		}
		value = masked(value, mask)
	}
	return &SetOption{Field: f, Value: value, Mask: mask}, nil
}

// masked returns the bits of a number that are in mask, without zeros in front.
func masked(value, mask []byte) []byte {
	if n := len(value) - len(mask); n > 0 {
		value = value[n:]
	}
	out := make([]byte, len(value))
	for i := range out {
		out[i] = value[i] & mask[len(mask)-len(value)+i]
	}
	return withoutZeros(out)
}

func withoutZeros(b []byte) []byte {
	for len(b) > 0 && b[0] == 0 {
		b = b[1:]
	}
	return b
}

// loadOption returns the action that loads a number into part of a tunnel option.
func loadOption(part flow.Subfield, value uint64) *SetOption {
	v, ones := flow.UintValue(value), flow.UintValue(1<<min(part.Bits, 64)-1)
	var to, mask [maxOption]byte
	copyBits(to[:], int(part.Off), v[:], 0, int(part.Bits))
	if part.Bits == part.Field.Info().Bits {
		return &SetOption{Field: part.Field, Value: withoutZeros(to[:])}
	}
	copyBits(mask[:], int(part.Off), ones[:], 0, int(part.Bits))
	return &SetOption{Field: part.Field, Value: withoutZeros(to[:]), Mask: withoutZeros(mask[:])}
}

// setOption carries out a SetOption.
func (x *xlate) setOption(a *SetOption) {
	p := x.t.TunnelOptions().Place(a.Field)
	if p == nil {
		return // the map and the rule were changed at the same time
	}
	var value, mask [maxOption]byte
	n := p.Size()
	for i := range n {
		mask[i] = 0xff
	}
	if a.Mask != nil {
		clear(mask[:n])
		alignRight(mask[:n], a.Mask)
	}
	alignRight(value[:n], a.Value)
	x.writeOption(a.Field, p, value[:n], mask[:n])
}

// alignRight copies a number to the end of dst.
func alignRight(dst, number []byte) {
	if n := len(number) - len(dst); n > 0 {
		number = number[n:]
	}
	copy(dst[len(dst)-len(number):], number)
}

// writeOption sets bits of a tunnel option in the working key, which has it from then on. value has no bit
// that mask has not. Nothing reaches the program: it is the output to a tunnel that uses it.
func (x *xlate) writeOption(f flow.FieldID, p *flow.Place, value, mask []byte) {
	for i := range p.Size() / 4 {
		b, off := p.Block(i)
		to, written := x.work[b][off:off+4], x.written[b][off:off+4]
		for j, m := range mask[4*i : 4*i+4] {
			to[j] = to[j]&^m | value[4*i+j]
			written[j] |= m
		}
		x.touch(b, off, 4)
	}
	x.work.SetUint(f, 1)
	x.written.SetExact(f)
	info := f.Info()
	x.touch(int(info.Block), int(info.Off), int(info.Size))
}

// readOption consults part of a tunnel option and returns its bits at the end of value. Of an option that
// the packet has not they are zero, and known as such.
func (x *xlate) readOption(src flow.Subfield, value []byte) {
	p := x.t.TunnelOptions().Place(src.Field)
	if p == nil {
		return
	}
	var bits, have [maxOption]byte
	n := p.Size()
	copyBits(bits[:n], int(src.Off), longOnes[:], 0, int(src.Bits))
	x.uses = flow.Mask{}
	x.uses.SetOption(p, bits[:n])
	x.consult()
	x.work.Option(p, have[:n])
	copyBits(value, 0, have[:n], int(src.Off), int(src.Bits))
}

// loadToOption writes the last bits of a number to part of a tunnel option.
func (x *xlate) loadToOption(dst flow.Subfield, number []byte) {
	p := x.t.TunnelOptions().Place(dst.Field)
	if p == nil {
		return
	}
	var value, mask [maxOption]byte
	n := p.Size()
	copyBits(value[:n], int(dst.Off), number, 0, int(dst.Bits))
	copyBits(mask[:n], int(dst.Off), longOnes[:], 0, int(dst.Bits))
	x.writeOption(dst.Field, p, value[:n], mask[:n])
}

package flow

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// tunMetadataFields is the number of fields for tunnel options.
const tunMetadataFields = FieldTunMetadata63 - FieldTunMetadata0 + 1

// IsTunMetadata reports whether f is one of tun_metadata0 to tun_metadata63. What the key's methods say
// of such a field is whether the packet has the option: a bit. Its value is for SetOption and Option,
// with the Place that a TLVMap gives it.
func (f FieldID) IsTunMetadata() bool { return f >= FieldTunMetadata0 && f <= FieldTunMetadata63 }

// tunMetadata describes the field of option i.
func tunMetadata(i int) Field {
	n := strconv.Itoa(i)
	return Field{ID: FieldTunMetadata0 + FieldID(i), Name: "tun_metadata" + n, Aliases: []string{"NXM_NX_TUN_METADATA" + n},
		Block: Tunnel, Off: OffTunPresent, Size: 8, In: 1 << i, Shift: uint8(i), Bits: 8 * maxOptionSize,
		Kind: TunMetadata, Maskable: true, Writable: true}
}

// A Place is where the value of a tunnel option lies in a key: words of 4 bytes, the value's first bytes
// in the first of them.
type Place struct {
	words [maxOptionSize / optionWord]uint8 // of the option blocks taken together
	n     uint8
}

// Size returns the bytes of the value.
func (p *Place) Size() int { return int(p.n) * optionWord }

// Block returns the block of the key that word i of the value lies in, and its offset there in bytes.
func (p *Place) Block(i int) (block, off int) {
	at := int(p.words[i]) * optionWord
	return Options + at/BlockSize, at % BlockSize
}

// Option copies the value at p to dst, which is p.Size() long.
func (k *Key) Option(p *Place, dst []byte) {
	for i := range int(p.n) {
		b, off := p.Block(i)
		copy(dst[i*optionWord:], k[b][off:off+optionWord])
	}
}

// SetOption sets the value at p, which is p.Size() long.
func (k *Key) SetOption(p *Place, value []byte) {
	for i := range int(p.n) {
		b, off := p.Block(i)
		copy(k[b][off:off+optionWord], value[i*optionWord:])
	}
}

// Option copies the mask of the value at p to dst.
func (m *Mask) Option(p *Place, dst []byte) { (*Key)(m).Option(p, dst) }

// SetOption sets the mask of the value at p.
func (m *Mask) SetOption(p *Place, mask []byte) { (*Key)(m).SetOption(p, mask) }

// SetOption makes m match packets that have option f, whose value lies at p, and the value in the bits of
// mask.
func (m *Match) SetOption(f FieldID, p *Place, value, mask []byte) {
	masked := make([]byte, p.Size())
	for i := range masked {
		masked[i] = value[i] & mask[i]
	}
	m.SetUint(f, 1)
	m.Key.SetOption(p, masked)
	m.Mask.SetOption(p, mask)
}

// CheckOptions reports what m matches of tunnel options that options does not explain: a field it does
// not map, or bytes that belong to none of the fields of m.
func (m *Match) CheckOptions(options *TLVMap) error {
	if !m.Mask.anyOption() {
		return nil
	}
	left := m.Mask
	var zeros [maxOptionSize]byte
	for f := FieldTunMetadata0; f <= FieldTunMetadata63; f++ {
		if !m.Mask.Any(f) {
			continue
		}
		p := options.Place(f)
		if p == nil {
			return unmapped(f)
		}
		left.SetOption(p, zeros[:])
	}
	for b := Options; b < Regs; b++ {
		if !left[b].IsZero() {
			return errors.New("want matches of the tunnel options as they are mapped now, found one from before")
		}
	}
	return nil
}

// anyOption reports whether m has a bit of any tunnel option.
func (m *Mask) anyOption() bool {
	any := m[Tunnel].load(OffTunPresent, 8) != 0
	for b := Options; b < Regs; b++ {
		any = any || !m[b].IsZero()
	}
	return any
}

func unmapped(f FieldID) error {
	return fmt.Errorf("%s: want a field with a tunnel option, found none mapped to it (NXFMFC_INVALID_TLV_FIELD)", f)
}

// ParseOptionValue reads the value of a tun_metadata field: "value", "value/mask", or nothing or "*", which
// leaves it open. Both come back as long as they have to be, without zeros in front; mask is nil if the
// whole value is meant.
func ParseOptionValue(s string) (value, mask []byte, err error) {
	text, maskText, masked := strings.Cut(s, "/")
	switch {
	case s == "" || s == "*":
		return nil, []byte{}, nil
	case masked:
		if mask, err = parseLongNumber(maskText); err != nil {
			return nil, nil, err
		}
	}
	value, err = parseLongNumber(text)
	return value, mask, err
}

// parseLongNumber reads a number of up to 124 bytes, in decimal up to 8. It returns it without zeros in
// front.
func parseLongNumber(s string) ([]byte, error) {
	digits, hex := strings.CutPrefix(strings.ToLower(s), "0x")
	if !hex {
		v, err := strconv.ParseUint(s, 0, 64)
		if err != nil || strings.ContainsRune(s, '_') {
			return nil, longNumberError(s)
		}
		return trimZeros(binary.BigEndian.AppendUint64(nil, v)), nil
	}
	b := make([]byte, (len(digits)+1)/2)
	for i := range digits {
		c := strings.IndexByte(hexDigits, digits[len(digits)-1-i])
		if c < 0 {
			return nil, longNumberError(s)
		}
		b[len(b)-1-i/2] |= byte(c) << (i % 2 * 4)
	}
	if b = trimZeros(b); digits == "" || len(b) > maxOptionSize {
		return nil, longNumberError(s)
	}
	return b, nil
}

func longNumberError(found string) error {
	return fmt.Errorf("want a number of up to %d bytes, those over 8 in hexadecimal, found %.40q", maxOptionSize, found)
}

func trimZeros(b []byte) []byte {
	for len(b) > 0 && b[0] == 0 {
		b = b[1:]
	}
	return b
}

// parseOption makes m match the text of a value of field f.
func (m *Match) parseOption(f FieldID, name, text string, options *TLVMap) error {
	p := options.Place(f)
	if p == nil {
		return unmapped(f)
	}
	v, bits, err := ParseOptionValue(text)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	var value, mask [maxOptionSize]byte
	n := p.Size()
	if len(v) > n || len(bits) > n {
		return fmt.Errorf("%s: want a number of %d bytes, found %q", name, n, text)
	}
	copy(value[n-len(v):], v)
	copy(mask[n-len(bits):], bits)
	if bits == nil {
		for i := range n {
			mask[i] = 0xff
		}
	}
	m.SetOption(f, p, value[:n], mask[:n])
	return nil
}

// parseOptionPart makes m match the bits of sub, and leaves the option's other bits as they are.
func (m *Match) parseOptionPart(sub Subfield, name, text string, options *TLVMap) error {
	p := options.Place(sub.Field)
	switch {
	case p == nil:
		return unmapped(sub.Field)
	case sub.Bits == fields[sub.Field].Bits:
		return m.parseOption(sub.Field, name, text, options)
	case int(sub.Off+sub.Bits) > 8*p.Size():
		return fmt.Errorf("%s: want bits within 0 to %d", name, 8*p.Size()-1)
	case sub.Bits > 64:
		return fmt.Errorf("%s: want the whole of %s or up to 64 bits of it", name, sub.Field)
	}
	ones := onesValue(int(sub.Bits))
	number := func(s string) (Value, error) { return parseNumber(s, ones) }
	v, bits, err := parseMasked(text, ones, number, number)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	var value, mask [maxOptionSize]byte
	m.Key.Option(p, value[:])
	m.Mask.Option(p, mask[:])
	for i := range int(sub.Bits) {
		at := int(sub.Off) + i
		b, bit := p.Size()-1-at/8, byte(1)<<(at%8)
		value[b] &^= bit
		mask[b] &^= bit
		if bits.Uint()>>i&1 != 0 {
			mask[b] |= bit
		}
		if (v.Uint()&bits.Uint())>>i&1 != 0 {
			value[b] |= bit
		}
	}
	m.SetOption(sub.Field, p, value[:p.Size()], mask[:p.Size()])
	return nil
}

// option prints what m matches of option f: whether it is there, and its value.
func (p *printer) option(f FieldID) {
	if !p.m.Mask.Any(f) {
		return
	}
	if p.m.Key.Uint(f) == 0 {
		p.buf = append(p.buf, '!')
	}
	p.buf = append(p.buf, fields[f].Name...)
	if at := p.names.Options.Place(f); at != nil {
		var value, mask [maxOptionSize]byte
		p.m.Key.Option(at, value[:])
		p.m.Mask.Option(at, mask[:])
		p.buf = appendOptionValue(p.buf, value[:at.Size()], mask[:at.Size()])
	}
	p.buf = append(p.buf, ',')
}

// appendOptionValue appends "=value", "=value/mask", or nothing where no bit counts.
func appendOptionValue(dst, value, mask []byte) []byte {
	any, all := byte(0), byte(0xff)
	for _, c := range mask {
		any |= c
		all &= c
	}
	if any == 0 {
		return dst
	}
	dst = appendHexBytes(append(dst, '='), value)
	if all != 0xff {
		dst = appendHexBytes(append(dst, '/'), mask)
	}
	return dst
}

package flow

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"
)

// A Value is a field's value or mask, in network byte order, aligned to the right.
type Value [16]byte

// Uint returns the lower 64 bits of v.
func (v *Value) Uint() uint64 { return binary.BigEndian.Uint64(v[8:]) }

// UintValue returns v as a Value.
func UintValue(v uint64) Value {
	var x Value
	binary.BigEndian.PutUint64(x[8:], v)
	return x
}

// onesValue returns a Value with the lower n bits set.
func onesValue(n int) Value {
	var x Value
	for i := range n {
		x[15-i/8] |= 1 << (i % 8)
	}
	return x
}

// exactValue returns the mask of an exact match of a field.
func exactValue(info *Field) Value {
	if info.Size == 16 {
		return onesValue(128)
	}
	return UintValue(info.Max())
}

// ParseValue parses the text of a value of field f: "value", "value/mask" or "*", which matches
// anything. Value and mask are such as Match takes them: an exact match has the field's whole mask, and
// the value has no bit that the mask has not.
func ParseValue(f FieldID, s string, ports PortNames) (value, mask Value, err error) {
	if s == "" {
		return value, mask, errors.New("want a value, found none")
	}
	if s == "*" {
		return value, mask, nil
	}
	info := &fields[f]
	exact := exactValue(info)
	switch info.Kind {
	case MAC:
		value, mask, err = parseMasked(s, exact, parseMAC, parseMAC)
	case IPv4:
		value, mask, err = parseMasked(s, exact, parseIPv4, maskParser(32, parseIPv4))
	case IPv6:
		value, mask, err = parseMasked(s, exact, parseIPv6, maskParser(128, parseIPv6))
	case Port:
		value, err = parsePort(s, ports)
		mask = exact
	case Frag:
		value, mask, err = parseFrag(s)
	case TCPFlags:
		value, mask, err = parseFlags(s, tcpFlagNames[:], exact)
	case TunFlags:
		value, mask, err = parseFlags(s, tunFlagNames[:], exact)
	default:
		value, mask, err = parseNumbers(s, info, exact)
	}
	if err != nil {
		return Value{}, Value{}, err
	}
	if mask != exact && mask != (Value{}) && !info.Maskable {
		return Value{}, Value{}, fmt.Errorf("want no mask or all of it, since the field cannot be masked, found %q", s)
	}
	for i := range value {
		value[i] &= mask[i]
	}
	return value, mask, nil
}

// parseMasked parses "value" or "value/mask".
func parseMasked(s string, exact Value, parse, parseMask func(string) (Value, error)) (value, mask Value, err error) {
	text, maskText, masked := strings.Cut(s, "/")
	if value, err = parse(text); err != nil {
		return value, mask, err
	}
	if !masked {
		return value, exact, nil
	}
	mask, err = parseMask(maskText)
	return value, mask, err
}

// parseNumbers parses a number, or two of them, and holds them against the width of the field.
func parseNumbers(s string, info *Field, exact Value) (value, mask Value, err error) {
	limit := onesValue(min(info.width(), int(info.Bits)))
	switch info.ID {
	case FieldVLANVID:
		limit = exact // 12 bits to OpenFlow, and the one that says that there is a tag
	case FieldIPTOS:
		limit = exact // the lower two bits are another field
	}
	parse := func(s string) (Value, error) { return parseNumber(s, limit) }
	whole := func(s string) (Value, error) {
		// A mask may be given for all bytes of the field, as OVS takes it, although it is narrower.
		v, err := parseNumber(s, onesValue(int(info.Size)*8))
		if v == onesValue(int(info.Size)*8) || v == limit {
			return exact, err
		}
		if err == nil {
			_, err = parseNumber(s, limit)
		}
		return v, err
	}
	return parseMasked(s, exact, parse, whole)
}

// parseNumber parses a number in C's notation, decimal, octal or hexadecimal, of which no bit may be
// outside limit.
func parseNumber(s string, limit Value) (Value, error) {
	var v Value
	base, digits := 10, s
	if d, ok := strings.CutPrefix(strings.ToLower(s), "0x"); ok {
		base, digits = 16, d
	} else if len(s) > 1 && s[0] == '0' {
		base = 8
	}
	if n := len(digits) - 16; base == 16 && n > 0 && n <= 16 {
		upper, err := strconv.ParseUint(digits[:n], 16, 64)
		if err != nil {
			return v, numberError(s, limit)
		}
		binary.BigEndian.PutUint64(v[:8], upper)
		digits = digits[n:]
	}
	lower, err := strconv.ParseUint(digits, base, 64)
	if err != nil {
		return v, numberError(s, limit)
	}
	binary.BigEndian.PutUint64(v[8:], lower)
	for i := range v {
		if v[i]&^limit[i] != 0 {
			return v, numberError(s, limit)
		}
	}
	return v, nil
}

// numberError says which numbers a field takes: those with no bit outside limit.
func numberError(found string, limit Value) error {
	bits := string(appendHexBytes(nil, limit[:]))
	if limit[15]&1 == 0 {
		return fmt.Errorf("want a number with no bit outside %s, found %q", bits, found)
	}
	return fmt.Errorf("want a number up to %s, found %q", bits, found)
}

// appendHexBytes appends the number b, in network byte order, as C's %#x does.
func appendHexBytes(dst []byte, b []byte) []byte {
	for len(b) > 0 && b[0] == 0 {
		b = b[1:]
	}
	if len(b) == 0 {
		return append(dst, '0')
	}
	dst = append(dst, "0x"...)
	dst = strconv.AppendUint(dst, uint64(b[0]), 16)
	for _, c := range b[1:] {
		dst = append(dst, hexDigits[c>>4], hexDigits[c&15])
	}
	return dst
}

const hexDigits = "0123456789abcdef"

func parseMAC(s string) (Value, error) {
	var v Value
	rest := s
	for i := range 6 {
		part, after, more := strings.Cut(rest, ":")
		n, err := strconv.ParseUint(part, 16, 8)
		if err != nil || len(part) > 2 || more != (i < 5) {
			return v, fmt.Errorf("want an Ethernet address such as 00:00:5e:00:53:01, found %q", s)
		}
		v[10+i] = byte(n)
		rest = after
	}
	return v, nil
}

func parseIPv4(s string) (Value, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || !a.Is4() {
		return Value{}, fmt.Errorf("want an IPv4 address such as 192.0.2.1, found %q", s)
	}
	var v Value
	b := a.As4()
	copy(v[12:], b[:])
	return v, nil
}

func parseIPv6(s string) (Value, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || !a.Is6() || a.Zone() != "" {
		return Value{}, fmt.Errorf("want an IPv6 address such as 2001:db8::1, found %q", s)
	}
	return Value(a.As16()), nil
}

// maskParser returns a parser for a mask of width bits: a prefix length or an address.
func maskParser(width int, parse func(string) (Value, error)) func(string) (Value, error) {
	return func(s string) (Value, error) {
		n, err := strconv.ParseUint(s, 10, 8)
		if err != nil {
			return parse(s)
		}
		if int(n) > width {
			return Value{}, fmt.Errorf("want a prefix of 0 to %d bits, found %q", width, s)
		}
		v := onesValue(width)
		for i := range width - int(n) {
			v[15-i/8] &^= 1 << (i % 8)
		}
		return v, nil
	}
}

// prefixLen returns the length of the prefix that mask, the last width bits of it, is; ok is false
// when it is none.
func prefixLen(mask []byte) (n int, ok bool) {
	for i, c := range mask {
		if c == 0xff {
			n += 8
			continue
		}
		n += bits.LeadingZeros8(^c)
		if c<<bits.LeadingZeros8(^c) != 0 {
			return 0, false
		}
		for _, c := range mask[i+1:] {
			if c != 0 {
				return 0, false
			}
		}
		break
	}
	return n, true
}

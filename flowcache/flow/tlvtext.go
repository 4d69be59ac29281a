package flow

import (
	"fmt"
	"strconv"
	"strings"
)

// optionForm is what ParseOptions wants.
const optionForm = "{class=CLASS,type=TYPE,len=BYTES}->tun_metadataN"

// ParseOptions reads options as ovs-ofctl add-tlv-map takes them, separated by commas or white space:
//
//	{class=0x102,type=0x80,len=4}->tun_metadata0
func ParseOptions(s string) ([]Option, error) {
	var list []Option
	for rest := trimSeparators(s); rest != ""; rest = trimSeparators(rest) {
		end := strings.IndexByte(rest, '}')
		text := rest
		if end >= 0 {
			if n := strings.IndexAny(rest[end:], ", \t\r\n"); n >= 0 {
				text = rest[:end+n]
			}
		}
		o, err := parseOption(text)
		if err != nil {
			return nil, err
		}
		list, rest = append(list, o), rest[len(text):]
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("want %s, found nothing", optionForm)
	}
	return list, nil
}

func trimSeparators(s string) string { return strings.TrimLeft(s, ", \t\r\n") }

func parseOption(s string) (Option, error) {
	wrong := fmt.Errorf("want %s, found %q", optionForm, s)
	inner, name, ok := strings.Cut(s, "}->")
	inner, open := strings.CutPrefix(inner, "{")
	parts := strings.Split(inner, ",")
	if !ok || !open || len(parts) != 3 {
		return Option{}, wrong
	}
	var numbers [3]uint64
	for i, want := range [...]struct {
		name string
		bits int
	}{{"class=", 16}, {"type=", 8}, {"len=", 8}} {
		text, ok := strings.CutPrefix(strings.TrimSpace(parts[i]), want.name)
		n, err := strconv.ParseUint(text, 0, want.bits)
		if !ok || err != nil {
			return Option{}, wrong
		}
		numbers[i] = n
	}
	f, ok := FieldByName(name)
	if !ok || !f.IsTunMetadata() {
		return Option{}, fmt.Errorf("%s: %w", s, ErrOptionField)
	}
	o := Option{Class: uint16(numbers[0]), Type: uint8(numbers[1]), Size: uint8(numbers[2]), Field: f}
	if o.Size == 0 || o.Size > maxOptionSize || o.Size%optionWord != 0 {
		return Option{}, fmt.Errorf("%s: %w", o, ErrOptionSize)
	}
	return o, nil
}

// String returns o as ParseOptions takes it.
func (o Option) String() string {
	return fmt.Sprintf("{class=%#x,type=%#x,len=%d}->%s", o.Class, o.Type, o.Size, o.Field)
}

// String returns m as ovs-ofctl dump-tlv-map prints it.
func (m *TLVMap) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, " max option space=%d max fields=%d\n", OptionSize, tunMetadataFields)
	fmt.Fprintf(&b, " allocated option space=%d\n\n", m.Used())
	b.WriteString(" mapping table:\n  class  type  length  match field\n ------  ----  ------  --------------\n")
	for _, o := range m.Options() {
		fmt.Fprintf(&b, " %#6x  %#4x  %6d  %s\n", o.Class, o.Type, o.Size, o.Field)
	}
	return b.String()
}

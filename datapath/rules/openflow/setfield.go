package openflow

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// SetField writes bits of a field. set_field, load and the mod_ actions are this one, spelt
// differently.
type SetField struct {
	Field flow.FieldID
	// Value and Mask are the bytes the field lies in, as flow.Key.Bytes returns them, from the front:
	// bits of Mask are written. Value has no other bits.
	Value, Mask [16]byte
	Form        SetForm
	Part        flow.Subfield // FormLoad: as written
}

// SetForm is how a SetField was written.
type SetForm uint8

// Forms of SetField.
const (
	FormSetField SetForm = iota // set_field:value[/mask]->field
	FormLoad                    // load:value->field[a..b]
	FormMod                     // mod_...:value
	FormTunnel                  // set_tunnel:id
	FormTunnel64                // set_tunnel64:id
	FormMPLS                    // set_mpls_...(value)
)

// A modAction is an OpenFlow 1.0 spelling of set_field.
type modAction struct {
	name  string
	field flow.FieldID
}

// modActions returns the mod_ actions. mod_tp_src and mod_tp_dst are for TCP, UDP and SCTP alike.
func modActions() [11]modAction {
	return [...]modAction{
		{"mod_dl_src", flow.FieldEthSrc},
		{"mod_dl_dst", flow.FieldEthDst},
		{"mod_nw_src", flow.FieldIPSrc},
		{"mod_nw_dst", flow.FieldIPDst},
		{"mod_nw_tos", flow.FieldIPTOS},
		{"mod_nw_ecn", flow.FieldIPECN},
		{"mod_nw_ttl", flow.FieldIPTTL},
		{"mod_tp_src", flow.FieldTCPSrc},
		{"mod_tp_dst", flow.FieldTCPDst},
		{"mod_vlan_vid", flow.FieldDLVLAN},
		{"mod_vlan_pcp", flow.FieldDLVLANPCP},
	}
}

// modField returns the field that a mod_ action writes, NoField for other names.
func modField(name string) flow.FieldID {
	name = strings.Replace(name, "set_vlan_", "mod_vlan_", 1) // another spelling
	for _, mod := range modActions() {
		if mod.name == name {
			return mod.field
		}
	}
	return flow.NoField
}

// key returns the action's value and mask as a key and mask with nothing else in them.
func (a *SetField) key() (k flow.Key, m flow.Mask) {
	copy(k.Bytes(a.Field), a.Value[:])
	copy(m.Bytes(a.Field), a.Mask[:])
	return k, m
}

func (a *SetField) appendText(b []byte) []byte {
	k, m := a.key()
	switch a.Form {
	case FormLoad:
		b = append(b, "load:"...)
		b = appendBits(b, a.Value[:a.Field.Info().Size], place(a.Part), int(a.Part.Bits))
		b = append(b, "->"...)
		return appendSubfield(b, a.Part)
	case FormTunnel:
		return appendHexNumber(append(b, "set_tunnel:"...), binary.BigEndian.Uint64(a.Value[:]))
	case FormTunnel64:
		return appendHexNumber(append(b, "set_tunnel64:"...), binary.BigEndian.Uint64(a.Value[:]))
	case FormMPLS:
		return fmt.Appendf(b, "set_%s(%d)", a.Field, k.Uint(a.Field))
	case FormMod:
		for _, mod := range modActions() {
			if mod.field == a.Field {
				b = append(append(b, mod.name...), ':')
				return flow.AppendValue(b, a.Field, &k, &m, nil)
			}
		}
	}
	b = append(b, "set_field:"...)
	b = flow.AppendValue(b, a.Field, &k, &m, nil)
	b = append(b, "->"...)
	return append(b, setName(a.Field)...)
}

// parseSetTunnel reads a tunnel id. One of more than 32 bits makes set_tunnel64 of set_tunnel, as with OVS.
func parseSetTunnel(arg argument) (Action, error) {
	id, err := strconv.ParseUint(arg.text, 0, 64)
	if err != nil {
		return nil, fmt.Errorf("want a number of up to 64 bits, found %q", arg.text)
	}
	a := makeSet(flow.FieldTunID, flow.UintValue(id), flow.UintValue(^uint64(0)))
	a.Form = FormTunnel
	if arg.name == "set_tunnel64" || id > 1<<32-1 {
		a.Form = FormTunnel64
	}
	return a, nil
}

// setName returns a field's name as ovs-ofctl prints it in set_field and learn: the OpenFlow 1.2 one where there
// are several.
func setName(f flow.FieldID) string {
	switch f {
	case flow.FieldEthSrc:
		return "eth_src"
	case flow.FieldEthDst:
		return "eth_dst"
	case flow.FieldEthType:
		return "eth_type"
	case flow.FieldIPSrc:
		return "ip_src"
	case flow.FieldIPDst:
		return "ip_dst"
	}
	return f.String()
}

// makeSet returns the action that writes value to the bits of field that mask has; both in the units
// of the field, as flow.ParseValue returns them.
func makeSet(f flow.FieldID, value, mask flow.Value) *SetField {
	var m flow.Match
	if f.Info().Size == 16 {
		m.SetBytesMasked(f, value[:], mask[:])
	} else {
		m.SetUintMasked(f, value.Uint(), mask.Uint())
	}
	a := &SetField{Field: f}
	copy(a.Value[:], m.Key.Bytes(f))
	copy(a.Mask[:], m.Mask.Bytes(f))
	return a
}

// makeLoad returns the action that writes value to part of a field.
func makeLoad(part flow.Subfield, value uint64) *SetField {
	var src [16]byte
	binary.BigEndian.PutUint64(src[8:], value)
	a := loadOf(part, &src)
	return &a
}

// clampSet keeps a from bits that are another field's in the same bytes.
func clampSet(a *SetField) {
	info := a.Field.Info()
	if info.Size > 8 {
		return // such fields have their bytes for themselves
	}
	for i := range int(info.Size) {
		a.Mask[i] &= byte(info.In >> (8 * (int(info.Size) - 1 - i)))
		a.Value[i] &= a.Mask[i]
	}
}

// checkWritable says why actions cannot write a field, nil if they can.
func checkWritable(f flow.FieldID) error {
	info := f.Info()
	switch {
	case !info.Writable:
		return fmt.Errorf("%s: want a field that can be written, found one that can only be matched", info.Name)
	}
	return nil
}

// place returns where the least significant bit of part lies in the bytes of its field, counted from
// their least significant bit.
func place(part flow.Subfield) int { return int(part.Off) + int(part.Field.Info().Shift) }

// copyBits copies n bits of src, from bit srcOff, to dst from bit dstOff. Both are in network byte
// order; bit 0 is the least significant of the last byte. Bits outside are zero, or lost.
func copyBits(dst []byte, dstOff int, src []byte, srcOff, n int) {
	if whole := n / 8; (dstOff|srcOff|n)%8 == 0 && dstOff+n <= 8*len(dst) && srcOff+n <= 8*len(src) {
		to, from := len(dst)-dstOff/8, len(src)-srcOff/8
		copy(dst[to-whole:to], src[from-whole:from])
		return
	}
	for i := range n {
		from, to := srcOff+i, dstOff+i
		if to >= 8*len(dst) {
			return
		}
		d := &dst[len(dst)-1-to/8]
		*d &^= 1 << (to % 8)
		if from < 8*len(src) {
			*d |= src[len(src)-1-from/8] >> (from % 8) & 1 << (to % 8)
		}
	}
}

// appendBits appends n bits of b from bit off as one hexadecimal number.
func appendBits(dst []byte, b []byte, off, n int) []byte {
	var v [16]byte
	copyBits(v[:], 0, b, off, n)
	text := strings.TrimLeft(fmt.Sprintf("%x", v), "0")
	if text == "" {
		return append(dst, '0')
	}
	return append(append(dst, "0x"...), text...)
}

// appendSubfield appends part as ovs-ofctl does: the field by its NXM name, OXM name or extension's name, and the bits.
func appendSubfield(b []byte, part flow.Subfield) []byte {
	text := part.String()
	name, bounds, _ := strings.Cut(text, "[")
	for _, prefix := range [...]string{"NXM_", "OXM_", "NXOXM_"} {
		for _, alias := range part.Field.Info().Aliases {
			if strings.HasPrefix(alias, prefix) {
				return append(append(append(b, alias...), '['), bounds...)
			}
		}
	}
	return append(append(append(b, name...), '['), bounds...)
}

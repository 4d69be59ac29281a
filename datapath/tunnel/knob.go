package tunnel

import "github.com/culvertdev/culvert/encap"

// A knob is an option that only some types of tunnel have.
type knob uint8

// Knobs.
const (
	knobChecksum knob = 1 << iota // csum
	knobSequence                  // seq
	knobExts                      // exts
	knobERSPAN                    // erspan_*
	knobOptional                  // packets may do without a key
)

// knobs are those of each type.
var knobs = map[encap.Type]knob{
	encap.VXLAN:  knobChecksum | knobExts | knobOptional,
	encap.Geneve: knobChecksum | knobOptional,
	encap.GRE:    knobChecksum | knobSequence | knobOptional,
	encap.NVGRE:  0,
	encap.ERSPAN: knobERSPAN | knobOptional,
}

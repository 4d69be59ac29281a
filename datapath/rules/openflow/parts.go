package openflow

import (
	"math/bits"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// A partVisitor sees the parts of fields that actions read, or write.
type partVisitor func(part flow.Subfield, write bool) error

// eachPart shows visit the parts of fields that a list of actions names, lists within it included. It ends
// with the first error.
func eachPart(list []Action, visit partVisitor) error {
	for _, a := range list {
		if err := actionParts(a, visit); err != nil {
			return err
		}
		if err := eachPart(within(a), visit); err != nil {
			return err
		}
	}
	return nil
}

// actionParts does it for one action, lists within it left out.
func actionParts(a Action, visit partVisitor) error {
	switch a := a.(type) {
	case *SetField:
		if a.Form == FormMod {
			return nil // for whatever packet has the field
		}
		return visit(flow.Subfield{Field: a.Field, Bits: a.Field.Info().Bits}, true)
	case *DeleteField:
		return visit(flow.Subfield{Field: a.Field, Bits: 1}, true)
	case *SetOption:
		return visit(flow.Subfield{Field: a.Field, Bits: uint16(max(bitLen(a.Value), bitLen(a.Mask)))}, true)
	case *Move:
		if err := visit(a.Src, false); err != nil {
			return err
		}
		return visit(a.Dst, true)
	case *Push:
		return visit(a.Src, false)
	case *Pop:
		return visit(a.Dst, true)
	case *OutputField:
		return visit(a.Src, false)
	case *Multipath:
		return visit(a.Dst, true)
	case *Bundle:
		if a.Load {
			return visit(a.Dst, true)
		}
	case *CheckLarger:
		return visit(a.Dst, true)
	case *Learn:
		return a.parts(visit)
	}
	return nil
}

// bitLen returns how many bits a number without zeros in front has.
func bitLen(number []byte) int {
	if len(number) == 0 {
		return 0
	}
	return 8*len(number) - bits.LeadingZeros8(number[0])
}

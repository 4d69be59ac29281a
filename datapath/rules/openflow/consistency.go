package openflow

import (
	"fmt"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// checkConsistent says which action reads or writes a field that packets of the match, as the actions
// before it make them, need not have: tcp_dst without tcp. OVS calls it OFPBAC_MATCH_INCONSISTENT. i is
// where in the list it stands.
//
// The mod_ actions of OpenFlow 1.0, and set_mpls_, may stand anywhere: they do nothing to packets that lack the field.
// Otherwise what counts is what the match says, and what nobody has said is zero: icmp_type=135 alone is a
// neighbour solicitation, whose icmp_code is 0.
func checkConsistent(m *flow.Match, list []Action) (i int, err error) {
	k := m.Key // what is known of packets
	for i, a := range list {
		if err := consistent(a, &k); err != nil {
			return i, err
		}
	}
	return 0, nil
}

// consistent checks one action for packets like k, and makes of k what it makes of them.
func consistent(a Action, k *flow.Key) error {
	if _, larger := a.(*CheckLarger); larger {
		return nil // OVS takes any field here
	}
	err := actionParts(a, func(part flow.Subfield, write bool) error {
		need := needOf(part.Field, write)
		if need.Met(k, nil) {
			return nil
		}
		return fmt.Errorf("%s: want %s in the flow's match, for %s is its field (OFPBAC_MATCH_INCONSISTENT)", actionName(a), need, part.Field)
	})
	if err != nil {
		return err
	}
	if list := within(a); len(list) > 0 {
		inside := *k
		for _, a := range list {
			if err := consistent(a, &inside); err != nil {
				return err
			}
		}
	}
	follow(a, k)
	return nil
}

// needOf returns what packets must be to have a field in the eyes of an action. A VLAN ID can be matched on
// any packet, to find those that have none, but is written to those that have a tag.
func needOf(f flow.FieldID, write bool) flow.Need {
	if f == flow.FieldVLANVID && write {
		return flow.NeedVLAN
	}
	return f.Info().Need
}

// follow makes of k what an action makes of packets like it, as far as it decides which fields they have.
func follow(a Action, k *flow.Key) {
	switch a := a.(type) {
	case *PushVLAN:
		k.SetUint(flow.FieldVLANTCI, flow.VLANPresent)
	case *PopVLAN:
		k.SetUint(flow.FieldVLANTCI, 0)
	case *PushMPLS:
		k.SetUint(flow.FieldEthType, uint64(a.Type))
	case *PopMPLS:
		if flow.NeedMPLS.Met(k, nil) {
			k.SetUint(flow.FieldEthType, uint64(a.Type))
		}
	case *SetField:
		switch a.Field {
		case flow.FieldDLVLAN, flow.FieldDLVLANPCP: // a tag comes where none was
			k.SetUint(flow.FieldVLANTCI, flow.VLANPresent)
		case flow.FieldVLANTCI:
			mask := uint64(be16(a.Mask[:]))
			k.SetUint(flow.FieldVLANTCI, k.Uint(flow.FieldVLANTCI)&^mask|uint64(be16(a.Value[:])))
		}
	}
}

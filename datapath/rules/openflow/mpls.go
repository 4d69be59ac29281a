package openflow

import (
	"fmt"
	"strconv"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// PushMPLS adds an outermost MPLS label, with what the one behind it has, or else with the traffic class and
// TTL of an IP packet.
type PushMPLS struct {
	Type uint16 // 0x8847 or 0x8848
}

// PopMPLS removes the outermost MPLS label, if there is one.
type PopMPLS struct {
	Type uint16 // EtherType of what is behind it
}

// DecMPLSTTL decrements the TTL of the outermost MPLS label. A TTL below 2 ends the rule's actions.
type DecMPLSTTL struct{}

func (a *PushMPLS) appendText(b []byte) []byte { return fmt.Appendf(b, "push_mpls:0x%04x", a.Type) }
func (a *PopMPLS) appendText(b []byte) []byte  { return fmt.Appendf(b, "pop_mpls:0x%04x", a.Type) }
func (*DecMPLSTTL) appendText(b []byte) []byte { return append(b, "dec_mpls_ttl"...) }

func parsePushMPLS(arg argument) (Action, error) {
	typ, err := parse16(arg.text)
	if err == nil && !isMPLS(typ) {
		err = fmt.Errorf("want 0x8847 or 0x8848, found %q", arg.text)
	}
	return &PushMPLS{Type: typ}, err
}

func parsePopMPLS(arg argument) (Action, error) {
	typ, err := parse16(arg.text)
	return &PopMPLS{Type: typ}, err
}

func parseDecMPLSTTL(arg argument) (Action, error) { return &DecMPLSTTL{}, arg.none() }

// mplsField returns the field that a set_mpls_ action writes, NoField for other names.
func mplsField(name string) flow.FieldID {
	switch name {
	case "set_mpls_label":
		return flow.FieldMPLSLabel
	case "set_mpls_tc":
		return flow.FieldMPLSTC
	case "set_mpls_ttl":
		return flow.FieldMPLSTTL
	}
	return flow.NoField
}

func parseSetMPLS(arg argument) (Action, error) {
	f := mplsField(arg.name)
	v, err := strconv.ParseUint(arg.text, 0, 32)
	if err != nil || v > f.Info().Max() {
		return nil, fmt.Errorf("want 0 to %d, found %q", f.Info().Max(), arg.text)
	}
	a := makeSet(f, flow.UintValue(v), flow.UintValue(f.Info().Max()))
	a.Form = FormMPLS
	return a, nil
}

func isMPLS(typ uint16) bool { return typ == wire.TypeMPLS || typ == wire.TypeMPLSM }

package openflow

import (
	"errors"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// DeleteField takes a tunnel option from the packet.
type DeleteField struct {
	Field flow.FieldID // tun_metadata0 to tun_metadata63
}

func (a *DeleteField) appendText(b []byte) []byte {
	return append(append(b, "delete_field:"...), a.Field.String()...)
}

func parseDeleteField(arg argument) (Action, error) {
	f, ok := flow.FieldByName(arg.text)
	if !ok || !f.IsTunMetadata() {
		return nil, errors.New("want a tun_metadata field, the only ones that packets can do without")
	}
	return &DeleteField{Field: f}, nil
}

func (x *xlate) deleteField(a *DeleteField) {
	p := x.t.TunnelOptions().Place(a.Field)
	if p == nil {
		return // the map and the rule were changed at the same time
	}
	var none [maxOption]byte
	x.writeOption(a.Field, p, none[:p.Size()], longOnes[:p.Size()])
	x.work.SetUint(a.Field, 0)
}

package tunnel

import (
	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/encap"
)

// A kind is what sets the tunnels of a type apart beside its wire format, which is package encap's kind: the fields that only its
// headers have, and what it does not carry. A type that has nothing of the sort needs none; one that has is a file here and a row
// in kinds.
type kind struct {
	// parse reads the options about those fields; nil: there are none.
	parse func(p *parser, c *Config)
	// fill fills them in for a packet. A reason says that it does not go into a tunnel of the type.
	fill func(d *dispatch) action.Reason
}

var kinds = [encap.NumTypes]kind{
	encap.VXLAN:  {parseVXLAN, fillVXLAN},
	encap.Geneve: {nil, fillGeneve},
	encap.NVGRE:  {nil, fillNVGRE},
	encap.ERSPAN: {parseERSPAN, fillERSPAN},
}

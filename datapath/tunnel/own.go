package tunnel

import (
	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/encap"
)

// An own is what sets the tunnels of a type apart beside its wire format, which is package encap's: the fields that only its
// headers have, and what it does not carry. A type that has nothing of the kind needs none; one that has is a file here and a row
// in owns.
type own struct {
	// parse reads the options about those fields; nil: there are none.
	parse func(p *parser, c *Config)
	// fill fills them in for a packet. A reason says that it does not go into a tunnel of the type.
	fill func(d *dispatch) action.Reason
}

var owns = map[encap.Type]own{
	encap.VXLAN:  {parseVXLAN, fillVXLAN},
	encap.Geneve: {nil, fillGeneve},
	encap.NVGRE:  {nil, fillNVGRE},
	encap.ERSPAN: {parseERSPAN, fillERSPAN},
}

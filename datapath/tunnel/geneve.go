package tunnel

import (
	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// optionHeader is the bytes of an option's class, type and length (RFC 8926, section 3.5).
const optionHeader = 4

var allOnes = func() (b [124]byte) {
	for i := range b {
		b[i] = 0xff
	}
	return b
}()

// fillGeneve fills in the flag of control packets, and gathers the packet's tunnel options.
func fillGeneve(d *dispatch) action.Reason {
	k, s := d.s.Key, d.s
	d.o.OAM = d.all(flow.FieldTunFlags) != 0
	b := d.options[:0]
	for _, t := range s.Options.Options() {
		s.Uses.SetExact(t.Field)
		if k.Uint(t.Field) == 0 {
			continue
		}
		at := s.Options.Place(t.Field)
		if len(b)+optionHeader+at.Size() > encap.MaxOptions {
			return action.BadTunnel
		}
		b = append(b, byte(t.Class>>8), byte(t.Class), t.Type, t.Size/4)
		n := len(b)
		b = b[:n+at.Size()]
		k.Option(at, b[n:])
		s.Uses.SetOption(at, allOnes[:at.Size()])
	}
	d.o.Options = b
	return 0
}

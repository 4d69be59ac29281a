package encap

import (
	"math/bits"

	"github.com/culvertdev/culvert/encap/wire"
)

// Values of the ECN field (RFC 3168 section 5).
const (
	notECT = 0
	ect1   = 1
	ect0   = 2
	ce     = 3

	ecnDrop = 0xff
)

// decapECN says what becomes of the ECN field of an inner packet, the second index, whose outer header has the first
// (RFC 6040 section 4.2, figure 4). Where the outer is Not-ECT or ECT(0) the inner stays as it is.
var decapECN = [4][4]uint8{
	notECT: {notECT: notECT, ect1: ect1, ect0: ect0, ce: ce},
	ect0:   {notECT: notECT, ect1: ect1, ect0: ect0, ce: ce},
	ect1:   {notECT: notECT, ect1: ect1, ect0: ect1, ce: ce},
	ce:     {notECT: ecnDrop, ect1: ce, ect0: ce, ce: ce},
}

// congestion takes congestion marks of outer headers over to the inner packets of the frames in set. Inner packets
// that are not IP have no such field and go on without.
func (x *Popper) congestion(set uint64) {
	for ; set != 0; set &= set - 1 {
		i := bits.TrailingZeros64(set)
		a := &x.arrivals[i]
		if a.tos&ect1 == 0 { // neither ECT(1) nor CE
			continue
		}
		pkt := x.pool.Bytes(x.frames[i])
		l3, _ := network(pkt, int(a.inner))
		inner, _, ok := tosOf(pkt, l3)
		if !ok {
			continue
		}
		switch now := decapECN[a.tos&ecnMask][inner&ecnMask]; {
		case now == ecnDrop:
			x.drop(i, ECNLost)
		case now != inner&ecnMask:
			wire.SetTOS(pkt, l3, now, ecnMask)
		}
	}
}

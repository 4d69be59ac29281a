package memport

import (
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
)

// txNoPeer is the transmit queue's own counter.
const txNoPeer = pmd.TxCommon

func rxCounters() []counter.Desc { return pmd.RxCounters() }

func txCounters() []counter.Desc {
	return pmd.TxCounters(
		counter.Desc{
			Name: "tx_no_peer", Kind: counter.Drop,
			Help: "Packets dropped because nothing was connected to the other end of the memory port.",
		},
	)
}

package openflow

import "github.com/culvertdev/culvert/flowcache/flow"

var _ = [1]struct{}{}[flow.Version-3]

// tunnelBlocks is the number of blocks of a key that tunnel fields lie in.
const tunnelBlocks = 1 + flow.OptionBlocks

// tunnelWrites are the tunnel fields that actions have set. All others are those that a packet has come with, which
// differ from packet to packet of a cached flow.
type tunnelWrites struct {
	value, mask [tunnelBlocks]flow.Block // value has bits of mask only
}

// take takes over what is written of a key.
func (w *tunnelWrites) take(work *flow.Key, written *flow.Mask) {
	for i := range w.mask {
		b := flow.Tunnel + i
		w.mask[i] = written[b]
		w.value[i].And(&work[b], &written[b])
	}
}

// onto writes the fields into the key of a packet.
func (w *tunnelWrites) onto(k *flow.Key) {
	for i := range w.mask {
		b := &k[flow.Tunnel+i]
		for j, m := range w.mask[i] {
			b[j] = b[j]&^m | w.value[i][j]
		}
	}
}

// appendKey appends what tells w from others, and where it ends.
func (w *tunnelWrites) appendKey(b []byte) []byte {
	for i := range w.mask {
		if !w.mask[i].IsZero() {
			b = append(append(append(b, byte(i)+1), w.mask[i][:]...), w.value[i][:]...)
		}
	}
	return append(b, 0)
}

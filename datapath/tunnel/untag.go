package tunnel

import (
	"encoding/binary"
	"slices"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/encap/wire"
)

// untag takes so many VLAN tags off a packet, and returns it with a program that begins by putting them on again. So the worker
// that executes it reads the headers beneath as deep as when the packet came in, and outer headers take over from them what those
// of the packets after it do. It does not change packet.
func untag(packet []byte, tags int, program []uint64) ([]byte, []uint64) {
	from := wire.Payload(packet[:min(len(packet), wire.EthernetSize+tags*wire.VLANTagSize)], tags)
	if from == wire.EthernetSize {
		return packet, program
	}
	const macs = wire.EthType // bytes in front of the first tag
	var whole action.Program
	for at := from - wire.VLANTagSize; at >= wire.EthernetSize; at -= wire.VLANTagSize {
		whole.PushVLAN(binary.BigEndian.Uint16(packet[at-2:]), binary.BigEndian.Uint16(packet[at:]))
	}
	whole.Become(slices.Concat(whole.Words(), program))
	return slices.Concat(packet[:macs], packet[from-2:]), whole.Words()
}

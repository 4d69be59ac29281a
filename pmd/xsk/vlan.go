package xsk

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// rxTag is the kernel's function that tells a program which VLAN tag the device has taken off a packet
// (linux Documentation/networking/xdp-rx-metadata.rst, since Linux 6.8):
//
//	int bpf_xdp_metadata_rx_vlan_tag(const struct xdp_md *ctx, __be16 *vlan_proto, __u16 *vlan_tci)
const rxTag = "bpf_xdp_metadata_rx_vlan_tag"

// Labels of the part that puts tags back.
const (
	noTag   = "no tag"
	lostTag = "lost tag"
)

// Places on the stack, offsets from the frame pointer: multiples of 8 below the key of a shared device's program.
const (
	tagProto = -32
	tagTCI   = -40
	tagQueue = -48
)

// findRxTag returns the number by which programs call rxTag. The error says why they cannot.
func findRxTag() (btf.TypeID, error) {
	kernel, err := btf.LoadKernelSpec()
	if err != nil {
		return 0, fmt.Errorf("the kernel does not say which functions it has: %w", err)
	}
	var f *btf.Func
	if err := kernel.TypeByName(rxTag, &f); err != nil {
		if errors.Is(err, btf.ErrNotFound) {
			return 0, fmt.Errorf("the kernel has no %s (Linux 6.8)", rxTag)
		}
		return 0, fmt.Errorf("find %s: %w", rxTag, err)
	}
	return kernel.TypeID(f)
}

// askTag leaves in r0 whether the device has taken a tag off the packet, 0 if so. It takes r1 to r5.
func askTag(function btf.TypeID) asm.Instructions {
	return asm.Instructions{
		asm.Mov.Imm(asm.R4, 0),
		asm.StoreMem(asm.R10, tagProto, asm.R4, asm.DWord),
		asm.StoreMem(asm.R10, tagTCI, asm.R4, asm.DWord),
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.Mov.Reg(asm.R2, asm.R10),
		asm.Add.Imm(asm.R2, tagProto),
		asm.Mov.Reg(asm.R3, asm.R10),
		asm.Add.Imm(asm.R3, tagTCI),
		asm.Instruction{OpCode: asm.OpCode(asm.JumpClass).SetJumpOp(asm.Call), Src: asm.PseudoKfuncCall, Constant: int64(function)},
	}
}

// putTagBack puts a tag that the device has taken off where it was, in a packet on its way to a socket: AF_XDP has no
// other way to tell of it. A packet that goes to the host is left as it is, since the host knows of its tag. In C:
//
//	if (tagged) {
//		if (no socket) goto host;
//		if (bpf_xdp_adjust_head(ctx, -4)) return XDP_ABORTED;
//		memmove(data, data + 4, 12);
//		data[12..15] = proto, htons(tci);
//	}
//
// The part for packets without a socket is there only if fallback leaves them to the host. It takes r0 to r5, and
// what askTag has left: on the stack, and of its r0 in r9.
func putTagBack(socketsFD int, fallback action) asm.Instructions {
	in := asm.Instructions{asm.JNE.Imm(asm.R9, 0, noTag)}
	if fallback == pass {
		in = append(in,
			asm.LoadMem(asm.R2, asm.R6, mdRxQueue, asm.Word),
			asm.StoreMem(asm.R10, tagQueue, asm.R2, asm.Word),
			asm.LoadMapPtr(asm.R1, socketsFD),
			asm.Mov.Reg(asm.R2, asm.R10),
			asm.Add.Imm(asm.R2, tagQueue),
			asm.FnMapLookupElem.Call(),
			asm.JEq.Imm(asm.R0, 0, toHost),
		)
	}
	in = append(in,
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.Mov.Imm(asm.R2, -vlanTag),
		asm.FnXdpAdjustHead.Call(),
		asm.JNE.Imm(asm.R0, 0, lostTag),
		asm.LoadMem(asm.R2, asm.R6, mdData, asm.Word),
		asm.LoadMem(asm.R3, asm.R6, mdDataEnd, asm.Word),
		asm.Mov.Reg(asm.R4, asm.R2),
		asm.Add.Imm(asm.R4, ethernetHeader+vlanTag),
		asm.JGT.Reg(asm.R4, asm.R3, lostTag),
	)
	for at := range int16(3) { // both addresses
		in = append(in,
			asm.LoadMem(asm.R4, asm.R2, 4*at+vlanTag, asm.Word),
			asm.StoreMem(asm.R2, 4*at, asm.R4, asm.Word),
		)
	}
	return append(in,
		asm.LoadMem(asm.R4, asm.R10, tagProto, asm.Half),
		asm.StoreMem(asm.R2, 12, asm.R4, asm.Half),
		asm.LoadMem(asm.R4, asm.R10, tagTCI, asm.Half),
		asm.HostTo(asm.BE, asm.R4, asm.Half),
		asm.StoreMem(asm.R2, 14, asm.R4, asm.Half),
	)
}

// lostTags ends a program that puts tags back: with a packet that has no room for its tag, which no kernel hands out.
func lostTags() asm.Instructions {
	return asm.Instructions{asm.Mov.Imm(asm.R0, int32(aborted)).WithSymbol(lostTag), asm.Return()}
}

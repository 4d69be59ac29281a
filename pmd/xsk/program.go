package xsk

import (
	"encoding/binary"
	"net"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// Offsets into struct xdp_md (linux include/uapi/linux/bpf.h), bytes.
const (
	mdData    = 0
	mdDataEnd = 4
	mdRxQueue = 16
)

// Labels of the program.
const (
	toHost   = "host"
	toSocket = "socket"
	atL4     = "l4"
	atIPv4   = "ipv4"
	atIPv6   = "ipv6"
)

// instructions returns the steering program: what f names goes to the host, everything else to the
// socket of its receive queue, and where there is none, fallback applies. tag is the number of rxTag, 0 if the
// program cannot ask it. In C:
//
//	bool tagged = !bpf_xdp_metadata_rx_vlan_tag(ctx, &proto, &tci);
//	if (f matches, the packet's tag included) return XDP_PASS;
//	if (tagged) put_tag_back(ctx, proto, tci);
//	return bpf_redirect_map(&sockets, ctx->rx_queue_index, fallback);
//
// r6 holds the context throughout, r9 whether the device has taken a tag off, 0 if so. The filter reads headers only, which lie in the first buffer of a
// multi-buffer packet too.
func instructions(socketsFD int, f filter, mac net.HardwareAddr, fallback action, tag btf.TypeID) asm.Instructions {
	in := asm.Instructions{asm.Mov.Reg(asm.R6, asm.R1)}
	if tag != 0 {
		in = append(append(in, askTag(tag)...), asm.Mov.Reg(asm.R9, asm.R0))
	}
	if !f.empty() {
		in = append(in, matchL2(f, mac, tag != 0)...)
		if len(f.ports) > 0 {
			in = append(in, matchL4(f.ports)...)
		}
	}
	if tag == 0 {
		in = append(in, labelled(toSocket, redirect(socketsFD, fallback))...)
	} else {
		in = append(in, labelled(toSocket, putTagBack(socketsFD, fallback))...)
		in = append(in, labelled(noTag, redirect(socketsFD, fallback))...)
		in = append(in, lostTags()...)
	}
	if !f.empty() || tag != 0 && fallback == pass {
		in = append(in, asm.Mov.Imm(asm.R0, int32(pass)).WithSymbol(toHost), asm.Return())
	}
	return in
}

// redirect hands the packet to the socket of its receive queue; without one the fallback applies, which
// bpf_redirect_map takes in the low bits of flags since Linux 5.3.
func redirect(socketsFD int, fallback action) asm.Instructions {
	return asm.Instructions{
		asm.LoadMem(asm.R2, asm.R6, mdRxQueue, asm.Word),
		asm.LoadMapPtr(asm.R1, socketsFD),
		asm.Mov.Imm(asm.R3, int32(fallback)),
		asm.FnRedirectMap.Call(),
		asm.Return(),
	}
}

// matchL2 compares destination address and EtherType: behind a tag, be it in place or taken off by the device, which the
// program knows where tags is set, is none that has a name. It leaves the start of the packet in r2, its end in r3 and the
// EtherType in r5.
func matchL2(f filter, mac net.HardwareAddr, tags bool) asm.Instructions {
	in := asm.Instructions{
		asm.LoadMem(asm.R2, asm.R6, mdData, asm.Word),
		asm.LoadMem(asm.R3, asm.R6, mdDataEnd, asm.Word),
	}
	in = append(in, within(ethernetHeader)...)
	in = append(in, asm.LoadMem(asm.R5, asm.R2, 12, asm.Half))
	if f.host && len(mac) == 6 {
		in = append(in,
			asm.LoadMem(asm.R4, asm.R2, 4, asm.Half),
			asm.JNE.Imm(asm.R4, int32(binary.NativeEndian.Uint16(mac[4:])), "other"),
			asm.LoadMem(asm.R4, asm.R2, 0, asm.Word),
			asm.JEq.Imm32(asm.R4, int32(binary.NativeEndian.Uint32(mac)), toHost),
			asm.Mov.Reg(asm.R4, asm.R2).WithSymbol("other"), // r4 is free: a place for the label
		)
	}
	if tags {
		in = append(in, asm.JEq.Imm(asm.R9, 0, toSocket))
	}
	for _, t := range f.etherTypes {
		in = append(in, asm.JEq.Imm(asm.R5, int32(wire16(t)), toHost))
	}
	return in
}

// matchL4 compares protocol and destination port of IPv4 (RFC 791, with options; not of fragments
// but the first) and of IPv6 (RFC 8200, without extension headers).
func matchL4(ports []l4Port) asm.Instructions {
	in := asm.Instructions{
		asm.JEq.Imm(asm.R5, int32(wire16(unix.ETH_P_IP)), atIPv4),
		asm.JEq.Imm(asm.R5, int32(wire16(unix.ETH_P_IPV6)), atIPv6),
		asm.Ja.Label(toSocket),
	}
	in = append(in, labelled(atIPv4, within(ethernetHeader+20))...)
	in = append(in,
		asm.LoadMem(asm.R4, asm.R2, ethernetHeader+6, asm.Half),
		asm.And.Imm(asm.R4, int32(wire16(0x1fff))),
		asm.JNE.Imm(asm.R4, 0, toSocket), // fragment offset
		asm.LoadMem(asm.R8, asm.R2, ethernetHeader+9, asm.Byte),
		asm.LoadMem(asm.R4, asm.R2, ethernetHeader, asm.Byte),
		asm.JLT.Imm(asm.R4, 0x45, toSocket), // version 4, at least 5 words
		asm.JGT.Imm(asm.R4, 0x4f, toSocket),
		asm.And.Imm(asm.R4, 0x0f),
		asm.LSh.Imm(asm.R4, 2),
		asm.Add.Imm(asm.R2, ethernetHeader),
		asm.Add.Reg(asm.R2, asm.R4),
		asm.Ja.Label(atL4),
	)
	in = append(in, labelled(atIPv6, within(ethernetHeader+40))...)
	in = append(in,
		asm.LoadMem(asm.R8, asm.R2, ethernetHeader+6, asm.Byte),
		asm.Add.Imm(asm.R2, ethernetHeader+40),
	)
	in = append(in, labelled(atL4, within(4))...)
	in = append(in,
		asm.LoadMem(asm.R7, asm.R2, 2, asm.Half),
		asm.LSh.Imm(asm.R8, 16),
		asm.Or.Reg(asm.R8, asm.R7), // r8: protocol, then port as on the wire
	)
	for _, p := range ports {
		in = append(in, asm.JEq.Imm(asm.R8, int32(p.proto)<<16|int32(wire16(p.port)), toHost))
	}
	return in
}

// within goes on only if the packet has n bytes from r2 on.
func within(n int32) asm.Instructions {
	return asm.Instructions{
		asm.Mov.Reg(asm.R4, asm.R2),
		asm.Add.Imm(asm.R4, n),
		asm.JGT.Reg(asm.R4, asm.R3, toSocket),
	}
}

func labelled(label string, in asm.Instructions) asm.Instructions {
	in[0] = in[0].WithSymbol(label)
	return in
}

// wire16 returns what a 16-bit load reads where v stands in network byte order.
func wire16(v uint16) uint16 {
	return binary.NativeEndian.Uint16([]byte{byte(v >> 8), byte(v)})
}

package xsk

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/culvertdev/culvert/pmd"
	"golang.org/x/sys/unix"
)

// maxEnds is how many ends of tunnels a shared device may have: addresses times ports.
const maxEnds = 4096

// Layout of a key of the map of tunnel ends, bytes.
const (
	endAddr  = 0  // IPv6, or IPv4 mapped into it
	endProto = 16 // as in the IP header
	endPort  = 18 // as on the wire; 0 where the protocol has none
	endSize  = 20
)

const toLookup = "lookup" // a label

// endKey returns the key of an end.
func endKey(e pmd.TunnelEnd) (k [endSize]byte) {
	a := e.Addr.As16()
	copy(k[endAddr:], a[:])
	k[endProto] = e.Proto
	binary.BigEndian.PutUint16(k[endPort:], e.Port)
	return k
}

// Share implements pmd.Sharer. A port without the option pass=shared has nothing to share: the call is an error.
func (p *Port) Share(ends []pmd.TunnelEnd) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return nil
	case p.steer.ends == nil:
		return fmt.Errorf("share %s: it was not opened with %s=shared", p.name, OptPass)
	case len(ends) > maxEnds:
		return fmt.Errorf("share %s: %d tunnel ends: want at most %d", p.name, len(ends), maxEnds)
	}
	if err := p.steer.share(ends); err != nil {
		return fmt.Errorf("share %s: %w", p.name, err)
	}
	return nil
}

// share makes ends what the map has.
func (s *steering) share(ends []pmd.TunnelEnd) error {
	want := make(map[[endSize]byte]bool)
	for _, e := range ends {
		want[endKey(e)] = true
	}
	var k [endSize]byte
	var v byte
	var gone [][endSize]byte
	it := s.ends.Iterate()
	for it.Next(&k, &v) {
		if !want[k] {
			gone = append(gone, k)
		}
		delete(want, k)
	}
	errs := []error{it.Err()}
	for _, k := range gone {
		errs = append(errs, s.ends.Delete(k))
	}
	for k := range want {
		errs = append(errs, s.ends.Put(k, byte(1)))
	}
	return errors.Join(errs...)
}

// sharing returns the program of a device that is shared with the host: what is to an end of a tunnel goes to the socket
// of its receive queue, all else to the host. In C:
//
//	struct end e = {};
//	if (untagged IPv4 without options, no fragment) e.addr = mapped(ip->daddr), e.proto = ip->protocol;
//	else if (untagged IPv6) e.addr = ip6->daddr, e.proto = ip6->nexthdr;
//	else return XDP_PASS;
//	if (e.proto == IPPROTO_UDP) e.port = udp->dest;
//	if (!bpf_map_lookup_elem(&ends, &e)) return XDP_PASS;
//	if (!bpf_xdp_metadata_rx_vlan_tag(ctx, &proto, &tci)) return XDP_PASS;
//	return bpf_redirect_map(&sockets, ctx->rx_queue_index, fallback);
//
// r6 holds the context throughout, the key is at the end of the stack. tag is the number of rxTag; if it is 0 the tags that
// a device takes off are not seen.
func sharing(socketsFD, endsFD int, fallback action, tag btf.TypeID) asm.Instructions {
	const key = -24 // offset from the frame pointer: a multiple of 8 with room for endSize
	in := asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.LoadMem(asm.R2, asm.R6, mdData, asm.Word),
		asm.LoadMem(asm.R3, asm.R6, mdDataEnd, asm.Word),
		asm.Mov.Imm(asm.R4, 0),
		asm.StoreMem(asm.R10, key, asm.R4, asm.DWord),
		asm.StoreMem(asm.R10, key+8, asm.R4, asm.DWord),
		asm.StoreMem(asm.R10, key+16, asm.R4, asm.DWord),
	}
	in = append(in, hosts(ethernetHeader)...)
	in = append(in,
		asm.LoadMem(asm.R5, asm.R2, 12, asm.Half),
		asm.JEq.Imm(asm.R5, int32(wire16(unix.ETH_P_IP)), atIPv4),
		asm.JEq.Imm(asm.R5, int32(wire16(unix.ETH_P_IPV6)), atIPv6),
		asm.Ja.Label(toHost),
	)
	in = append(in, labelled(atIPv4, hosts(ethernetHeader+20))...)
	in = append(in,
		asm.LoadMem(asm.R4, asm.R2, ethernetHeader, asm.Byte),
		asm.JNE.Imm(asm.R4, 0x45, toHost),
		asm.LoadMem(asm.R4, asm.R2, ethernetHeader+6, asm.Half),
		asm.And.Imm(asm.R4, int32(wire16(0x3fff))), // more fragments, or an offset
		asm.JNE.Imm(asm.R4, 0, toHost),
		asm.StoreImm(asm.R10, key+10, 0xffff, asm.Half),
		asm.LoadMem(asm.R4, asm.R2, ethernetHeader+16, asm.Word),
		asm.StoreMem(asm.R10, key+12, asm.R4, asm.Word),
		asm.LoadMem(asm.R8, asm.R2, ethernetHeader+9, asm.Byte),
		asm.Add.Imm(asm.R2, ethernetHeader+20),
		asm.Ja.Label(atL4),
	)
	in = append(in, labelled(atIPv6, hosts(ethernetHeader+40))...)
	for i := range int16(4) {
		in = append(in,
			asm.LoadMem(asm.R4, asm.R2, ethernetHeader+24+4*i, asm.Word),
			asm.StoreMem(asm.R10, key+4*i, asm.R4, asm.Word),
		)
	}
	in = append(in,
		asm.LoadMem(asm.R8, asm.R2, ethernetHeader+6, asm.Byte),
		asm.Add.Imm(asm.R2, ethernetHeader+40),
		asm.StoreMem(asm.R10, key+endProto, asm.R8, asm.Byte).WithSymbol(atL4),
		asm.JNE.Imm(asm.R8, unix.IPPROTO_UDP, toLookup),
	)
	in = append(in, hosts(4)...)
	in = append(in,
		asm.LoadMem(asm.R4, asm.R2, 2, asm.Half),
		asm.StoreMem(asm.R10, key+endPort, asm.R4, asm.Half),
		asm.LoadMapPtr(asm.R1, endsFD).WithSymbol(toLookup),
		asm.Mov.Reg(asm.R2, asm.R10),
		asm.Add.Imm(asm.R2, key),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, toHost),
	)
	if tag != 0 {
		in = append(in, askTag(tag)...)
		in = append(in, asm.JEq.Imm(asm.R0, 0, toHost))
	}
	in = append(in, redirect(socketsFD, fallback)...)
	return append(in, asm.Mov.Imm(asm.R0, int32(pass)).WithSymbol(toHost), asm.Return())
}

// hosts leaves the packet to the host unless it has n bytes from r2 on.
func hosts(n int32) asm.Instructions {
	return asm.Instructions{
		asm.Mov.Reg(asm.R4, asm.R2),
		asm.Add.Imm(asm.R4, n),
		asm.JGT.Reg(asm.R4, asm.R3, toHost),
	}
}

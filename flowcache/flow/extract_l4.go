package flow

import "github.com/culvertdev/culvert/encap/wire"

// transport parses the header at off of a packet that ends at end, of which pkt may be the first part
// only. A header that is cut off leaves all its fields zero.
func (k *Keys) transport(i int, pkt []byte, proto byte, off, end int) {
	base := &k.Block[Base][i]
	avail := min(end, len(pkt)) - off
	// Copies of a length the compiler knows are single loads and stores.
	switch proto {
	case wire.ProtoTCP:
		if avail < wire.TCPSize {
			return
		}
		h := (*[wire.TCPSize]byte)(pkt[off:])
		if n := int(h[wire.TCPDataOff]>>4) * 4; n < wire.TCPSize || n > end-off {
			return
		}
		copy(base[OffL4Src:OffL4Src+4], h[:]) // both ports
		base[OffTCPFlags] = h[wire.TCPDataOff] & 0x0f
		base[OffTCPFlags+1] = h[wire.TCPDataOff+1]
	case wire.ProtoUDP:
		if avail >= wire.UDPSize {
			copy(base[OffL4Src:OffL4Src+4], (*[4]byte)(pkt[off:])[:])
		}
	case wire.ProtoSCTP:
		if avail >= wire.SCTPSize {
			copy(base[OffL4Src:OffL4Src+4], (*[4]byte)(pkt[off:])[:])
		}
	case wire.ProtoICMP, wire.ProtoIGMP:
		if avail >= wire.ICMPSize {
			k.icmp(i, pkt, off)
		}
	case wire.ProtoICMPv6:
		if avail >= wire.ICMPSize {
			k.icmp(i, pkt, off)
			// ICMPv6 in an IPv4 packet has type and code too, but there is no block for ND fields
			// then, nor can they be matched.
			if base[OffBlocks]&(1<<Net6) != 0 {
				k.neighbour(i, pkt[:off+avail], off)
			}
		}
	}
}

// icmp sets type and code, each in the low byte of a port's place.
func (k *Keys) icmp(i int, pkt []byte, off int) {
	base := &k.Block[Base][i]
	base[OffL4Src+1] = pkt[off+wire.ICMPType]
	base[OffL4Dst+1] = pkt[off+wire.ICMPCode]
}

// neighbour parses a neighbour solicitation or advertisement that starts at off and fills pkt to its
// end (RFC 4861 sections 4.3, 4.4, 4.6.1).
func (k *Keys) neighbour(i int, pkt []byte, off int) {
	typ, code := pkt[off+wire.ICMPType], pkt[off+wire.ICMPCode]
	if typ != wire.NDSolicit && typ != wire.NDAdvert || code != 0 {
		return
	}
	off += wire.ICMPSize
	if len(pkt) < off+16 {
		return
	}
	ext := &k.Block[Net6][i]
	copy(ext[OffNDTarget:OffNDTarget+16], (*[16]byte)(pkt[off:])[:])
	if !linkAddrs(ext, pkt[off+16:]) {
		clear(ext[OffNDTarget : OffNDTarget+16])
		clear(ext[OffARPSHA : OffARPSHA+12])
	}
}

// linkAddrs takes the link-layer addresses from ND options. An option of no length or beyond the end
// stops it, with what was found so far. It reports false when an address is given twice.
func linkAddrs(ext *Block, opts []byte) bool {
	for len(opts) >= 8 {
		n := int(opts[1]) * 8
		if n == 0 || n > len(opts) {
			return true
		}
		if to := linkAddrOffset(opts[0]); to != 0 && n == 8 {
			addr := ext[to : to+6]
			if [6]byte(addr) != [6]byte{} {
				return false
			}
			copy(addr, opts[2:])
		}
		opts = opts[n:]
	}
	return true
}

// linkAddrOffset returns where in the Net6 block the address of an ND option goes, 0 for options of
// other types.
func linkAddrOffset(opt byte) int {
	switch opt {
	case wire.NDOptSourceLink:
		return OffARPSHA
	case wire.NDOptTargetLink:
		return OffARPTHA
	}
	return 0
}

// Extraction copies these pairs in one go: they lie in the key as in the headers.
var (
	_ = [1]struct{}{}[OffL4Dst-OffL4Src-(wire.DstPort-wire.SrcPort)]
	_ = [1]struct{}{}[OffIPDst-OffIPSrc-(wire.IPv4Dst-wire.IPv4Src)]
	_ = [1]struct{}{}[OffIP6Dst-OffIP6Src-(wire.IPv6Dst-wire.IPv6Src)]
	_ = [1]struct{}{}[OffARPTHA-OffARPSHA-6]
)

package flow

import (
	"net/netip"
	"strconv"

	"github.com/culvertdev/culvert/encap/wire"
)

// String returns m as ovs-ofctl dump-flows prints it, ports as numbers.
func (m *Match) String() string { return string(m.Append(nil, Names{})) }

// Append appends m to dst as ovs-ofctl dump-flows prints it and returns it; all packets are the empty
// text. ParseMatch takes it back.
func (m *Match) Append(dst []byte, names Names) []byte {
	return (&printer{buf: dst, m: m, names: names}).match()
}

// AppendEth is Append with the word eth that Open vSwitch has in megaflows, whose packets could be of another kind.
func (m *Match) AppendEth(dst []byte, names Names) []byte {
	return (&printer{buf: dst, m: m, names: names, eth: true}).match()
}

// match prints everything.
func (p *printer) match() []byte {
	start := len(p.buf)
	p.metadata()
	if p.eth {
		p.word("eth")
	}
	named := p.protocol()
	p.registers()
	p.tunnel()
	p.each(FieldMetadata, FieldInPort)
	p.vlan()
	p.each(FieldEthSrc, FieldEthDst)
	if !named.typ {
		p.each(FieldEthType)
	}
	p.network(named.proto)
	p.each(FieldMPLSLabel, FieldMPLSTC, FieldMPLSTTL, FieldMPLSBOS, FieldMPLSLSE1, FieldMPLSLSE2, FieldIPFrag, FieldIPAtomic)
	p.transport()
	if len(p.buf) > start {
		p.buf = p.buf[:len(p.buf)-1] // the last comma
	}
	return p.buf
}

// A printer writes a match field by field, each with a comma behind it.
type printer struct {
	buf   []byte
	m     *Match
	names Names
	eth   bool // say that packets have an Ethernet header
}

// named says what a shorthand such as "tcp" has said already.
type named struct{ typ, proto bool }

func (p *printer) metadata() {
	p.each(FieldPktMark, FieldRecircID, FieldDPHash, FieldConjID, FieldActsetOutput)
}

// protocol prints the shorthand for the EtherType and protocol, if there is one.
func (p *printer) protocol() named {
	if !p.m.Mask.Any(FieldEthType) {
		return named{}
	}
	typ, proto := p.m.Key.Uint(FieldEthType), p.m.Key.Uint(FieldIPProto)
	suffix := ""
	switch typ {
	case wire.TypeARP:
		p.word("arp")
		return named{typ: true}
	case wire.TypeRARP:
		p.word("rarp")
		return named{typ: true}
	case wire.TypeMPLS:
		p.word("mpls")
		return named{typ: true}
	case wire.TypeMPLSM:
		p.word("mplsm")
		return named{typ: true}
	case wire.TypeIPv4:
	case wire.TypeIPv6:
		suffix = "6"
	default:
		return named{}
	}
	if p.m.Mask.Any(FieldIPProto) {
		if word := protocolWord(typ, proto); word != "" {
			p.word(word + suffix)
			return named{typ: true, proto: true}
		}
	}
	if typ == wire.TypeIPv6 {
		p.word("ipv6")
	} else {
		p.word("ip")
	}
	return named{typ: true}
}

// protocolWord returns the shorthand for an IP protocol, without the 6 of IPv6.
func protocolWord(typ, proto uint64) string {
	switch {
	case proto == wire.ProtoTCP:
		return "tcp"
	case proto == wire.ProtoUDP:
		return "udp"
	case proto == wire.ProtoSCTP:
		return "sctp"
	case proto == wire.ProtoICMP && typ == wire.TypeIPv4, proto == wire.ProtoICMPv6 && typ == wire.TypeIPv6:
		return "icmp"
	}
	return ""
}

func (p *printer) registers() {
	for f := FieldReg0; f <= FieldReg31; f++ {
		p.field(f)
	}
}

func (p *printer) tunnel() {
	p.each(FieldTunID, FieldTunSrc, FieldTunDst, FieldTunIPv6Src, FieldTunIPv6Dst, FieldTunGBPID, FieldTunGBPFlags)
	p.each(FieldTunErspanVer, FieldTunErspanIdx, FieldTunErspanDir, FieldTunErspanHWID, FieldTunTOS, FieldTunFlags)
	for f := FieldTunMetadata0; f <= FieldTunMetadata63; f++ {
		p.option(f)
	}
}

// vlan prints the outer tag as dl_vlan and dl_vlan_pcp where that says it all, else as vlan_tci.
func (p *printer) vlan() {
	tci, mask := p.m.Key.Uint(FieldVLANTCI), p.m.Mask.Uint(FieldVLANTCI)
	const vid, pcp = 0x0fff, 0xe000
	whole := mask&vid == 0 || mask&vid == vid
	whole = whole && (mask&pcp == 0 || mask&pcp == pcp)
	if tci&mask&VLANPresent != 0 && whole && mask&(vid|pcp) != 0 {
		if mask&vid != 0 {
			p.field(FieldDLVLAN)
		}
		if mask&pcp != 0 {
			p.field(FieldDLVLANPCP)
		}
	} else {
		p.field(FieldVLANTCI)
	}
	p.each(FieldVLANTPID, FieldVLANTCI1, FieldVLANTPID1)
}

func (p *printer) network(protoNamed bool) {
	typ := p.m.Key.Uint(FieldEthType)
	arp := typ == wire.TypeARP || typ == wire.TypeRARP
	switch {
	case arp:
		p.each(FieldARPSPA, FieldARPTPA, FieldARPOp, FieldARPSHA, FieldARPTHA)
	case typ == wire.TypeIPv6:
		p.each(FieldIPv6Src, FieldIPv6Dst, FieldIPv6Label)
	default:
		p.each(FieldIPSrc, FieldIPDst)
	}
	if !arp && !protoNamed {
		p.each(FieldIPProto)
	}
	p.each(FieldIPTOS, FieldIPECN, FieldIPTTL)
}

func (p *printer) transport() {
	typ, proto := p.m.Key.Uint(FieldEthType), p.m.Key.Uint(FieldIPProto)
	switch {
	case typ == wire.TypeIPv4 && proto == wire.ProtoICMP:
		p.each(FieldICMPType, FieldICMPCode)
	case typ == wire.TypeIPv6 && proto == wire.ProtoICMPv6:
		p.as("icmp_type", FieldICMPv6Type)
		p.as("icmp_code", FieldICMPv6Code)
		p.each(FieldNDTarget, FieldNDSLL, FieldNDTLL)
	default:
		p.as("tp_src", FieldTCPSrc)
		p.as("tp_dst", FieldTCPDst)
	}
	p.field(FieldTCPFlags)
}

func (p *printer) word(s string) { p.buf = append(append(p.buf, s...), ',') }

func (p *printer) each(fs ...FieldID) {
	for _, f := range fs {
		p.field(f)
	}
}

func (p *printer) field(f FieldID) { p.as(fields[f].Name, f) }

// as prints field f, if m matches any bit of it, under a name.
func (p *printer) as(name string, f FieldID) {
	if !p.m.Mask.Any(f) {
		return
	}
	p.buf = append(append(p.buf, name...), '=')
	p.buf = AppendValue(p.buf, f, &p.m.Key, &p.m.Mask, p.names.Ports)
	p.buf = append(p.buf, ',')
}

// AppendValue appends the value of field f in k, and the bits of it that mask has unless these are
// all, as ParseValue takes it.
func AppendValue(dst []byte, f FieldID, k *Key, mask *Mask, ports PortNames) []byte {
	info := &fields[f]
	value, bits := k.Bytes(f), mask.Bytes(f)
	exact := mask.Exact(f)
	switch info.Kind {
	case MAC:
		dst = appendMAC(dst, value)
		if !exact {
			dst = appendMAC(append(dst, '/'), bits)
		}
		return dst
	case IPv4, IPv6:
		return appendAddr(dst, value, bits, exact)
	case Port:
		return AppendPort(dst, uint32(k.Uint(f)), ports)
	case Frag:
		return append(dst, fragText(k.Uint(f), mask.Uint(f))...)
	case TCPFlags:
		return appendFlags(dst, tcpFlagNames[:], k.Uint(f), mask.Uint(f))
	case TunFlags:
		return appendFlags(dst, tunFlagNames[:], k.Uint(f), mask.Uint(f))
	}
	if info.Size == 16 {
		dst = appendHexBytes(dst, value)
		if !exact {
			dst = appendHexBytes(append(dst, '/'), bits)
		}
		return dst
	}
	return appendNumber(dst, info, k.Uint(f), mask.Uint(f), exact)
}

// appendNumber appends a number: in decimal or hexadecimal when matched exactly, in hexadecimal with
// its mask otherwise, with as many zeros in front as OVS prints for that field.
func appendNumber(dst []byte, info *Field, v, mask uint64, exact bool) []byte {
	digits := 0 // 0: as few as it takes, and zero without 0x
	switch info.ID {
	case FieldEthType, FieldVLANTCI, FieldVLANTCI1, FieldVLANTPID, FieldVLANTPID1:
		digits = 4
	case FieldIPv6Label:
		digits = 5
	case FieldMPLSLSE1, FieldMPLSLSE2:
		digits = 8
	}
	if exact && info.Kind != Hex {
		return strconv.AppendUint(dst, v, 10)
	}
	if info.Kind != Hex && digits == 0 {
		digits = 1
	}
	dst = appendHex(dst, v, digits)
	if !exact {
		dst = appendHex(append(dst, '/'), mask, digits)
	}
	return dst
}

// appendHex appends v in hexadecimal with at least so many digits; with 0, zero is "0".
func appendHex(dst []byte, v uint64, digits int) []byte {
	if v == 0 && digits == 0 {
		return append(dst, '0')
	}
	dst = append(dst, "0x"...)
	for n := digits - 1; n > 0 && v>>(4*n) == 0; n-- {
		dst = append(dst, '0')
	}
	return strconv.AppendUint(dst, v, 16)
}

func appendMAC(dst, mac []byte) []byte {
	for i, c := range mac {
		if i > 0 {
			dst = append(dst, ':')
		}
		dst = append(dst, hexDigits[c>>4], hexDigits[c&15])
	}
	return dst
}

// appendAddr appends an IP address and its mask: none when exact, a prefix length when it is one, else
// an address.
func appendAddr(dst, value, mask []byte, exact bool) []byte {
	addr, _ := netip.AddrFromSlice(value)
	dst = addr.AppendTo(dst)
	if exact {
		return dst
	}
	dst = append(dst, '/')
	if n, ok := prefixLen(mask); ok {
		return strconv.AppendInt(dst, int64(n), 10)
	}
	addr, _ = netip.AddrFromSlice(mask)
	return addr.AppendTo(dst)
}

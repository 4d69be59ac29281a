package encap

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/culvertdev/culvert/encap/wire"
)

// odpTypes are the numbers that Open vSwitch's datapath has for types: OVS_VPORT_TYPE_* over IPv4 and IPv6. NVGRE,
// which it has not, is GRE to it.
var odpTypes = [NumTypes][2]int{VXLAN: {4, 4}, Geneve: {5, 5}, GRE: {3, 109}, NVGRE: {3, 109}, ERSPAN: {107, 108}}

// Text returns a header stack in the words in which Open vSwitch prints that of a tnl_push:
// "header(size=50,type=4,eth(…),ipv4(…),udp(…),vxlan(…))". A VLAN tag, which Open vSwitch pushes by an operation of its
// own, stands behind eth. Words that are no stack are "header(bad)".
func Text(words []uint64) string {
	o, err := ReadStack(words)
	if err != nil {
		return "header(bad)"
	}
	b, _ := stackBytes(words) // ReadStack has read them
	d := descriptor(words[0])
	v6 := 0
	if d&dV6 != 0 {
		v6 = 1
	}
	parts := []string{fmt.Sprintf("size=%d,type=%d", len(b), odpTypes[o.Type][v6]), linkText(&o)}
	if o.VLAN != 0 {
		parts = append(parts, fmt.Sprintf("vlan(vid=%d,pcp=%d)", o.VLAN&0xfff, o.VLAN>>13))
	}
	parts = append(parts, networkText(&o, b[d.l3():]))
	b = b[d.l4():]
	if d&dUDP != 0 {
		sum := 0
		if o.Checksum {
			sum = 0xffff // Open vSwitch writes so for one that is to be filled in
		}
		parts = append(parts, fmt.Sprintf("udp(src=%d,dst=%d,csum=%#x)", o.SrcPort, o.DstPort, sum))
		b = b[wire.UDPSize:]
	}
	return "header(" + strings.Join(append(parts, typeText(&o, b)), ",") + ")"
}

func linkText(o *Outer) string {
	typ := wire.TypeIPv4
	if !o.Src.Is4() {
		typ = wire.TypeIPv6
	}
	return fmt.Sprintf("eth(dst=%s,src=%s,dl_type=0x%04x)", macText(o.DstMAC), macText(o.SrcMAC), typ)
}

func macText(m [6]byte) string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5])
}

// networkText returns the IP header h.
func networkText(o *Outer, h []byte) string {
	if !o.Src.Is4() {
		return fmt.Sprintf("ipv6(src=%s,dst=%s,label=%d,proto=%d,tclass=%#x,hlimit=%d)", o.Src, o.Dst, o.Label, h[wire.IPv6Next], o.TOS, o.TTL)
	}
	return fmt.Sprintf("ipv4(src=%s,dst=%s,proto=%d,tos=%s,ttl=%d,frag=%#x)", o.Src, o.Dst, h[wire.IPv4Protocol], hexText(int(o.TOS)), o.TTL,
		binary.BigEndian.Uint16(h[wire.IPv4Fragment:]))
}

// hexText returns a number as C's %#x prints it.
func hexText(n int) string {
	if n == 0 {
		return "0"
	}
	return fmt.Sprintf("%#x", n)
}

// typeText returns the headers b behind UDP, or the GRE header and what is behind it.
func typeText(o *Outer, b []byte) string {
	switch o.Type {
	case VXLAN:
		return fmt.Sprintf("vxlan(flags=%#x,vni=%#x)", binary.BigEndian.Uint32(b), o.Key)
	case Geneve:
		return geneveText(o)
	case ERSPAN:
		if o.ERSPAN.Version == 1 {
			return fmt.Sprintf("erspan(ver=1,sid=%#x,idx=%#x)", o.Key, o.ERSPAN.Index)
		}
		dir := 0
		if o.ERSPAN.Egress {
			dir = 1
		}
		return fmt.Sprintf("erspan(ver=%d,sid=%#x,dir=%d,hwid=%#x)", o.ERSPAN.Version, o.Key, dir, o.ERSPAN.HWID)
	}
	return greText(b)
}

func geneveText(o *Outer) string {
	text := "geneve("
	if o.OAM {
		text += "oam,"
	}
	var options strings.Builder
	critical := false
	for b := o.Options; len(b) >= 4; {
		n := 4 + 4*int(b[3]&0x1f)
		critical = critical || b[2]&0x80 != 0
		fmt.Fprintf(&options, "{class=%s,type=%s,len=%d", hexText(int(binary.BigEndian.Uint16(b))), hexText(int(b[2])), n-4)
		if n > 4 {
			digits := strings.TrimLeft(fmt.Sprintf("%x", b[4:n]), "0")
			fmt.Fprintf(&options, ",0x%s", cmp.Or(digits, "0"))
		}
		options.WriteString("}")
		b = b[n:]
	}
	if critical {
		text += "crit,"
	}
	text += fmt.Sprintf("vni=%#x", o.Key)
	if options.Len() > 0 {
		text += ",options(" + options.String() + ")"
	}
	return text + ")"
}

// greText returns the GRE header b (RFC 2784, RFC 2890).
func greText(b []byte) string {
	flags := binary.BigEndian.Uint16(b)
	text := fmt.Sprintf("gre((flags=%#x,proto=%#x)", flags, binary.BigEndian.Uint16(b[2:]))
	b = b[greSize:]
	for _, part := range [...]struct {
		flag   uint16
		format string
		shift  int
	}{{greChecksum, ",csum=%#x", 16}, {greKey, ",key=%#x", 0}, {greSequence, ",seq=%#x", 0}} {
		if flags&part.flag != 0 {
			text += fmt.Sprintf(part.format, binary.BigEndian.Uint32(b)>>part.shift)
			b = b[4:]
		}
	}
	return text + ")"
}

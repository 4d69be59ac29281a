package flow

import "encoding/binary"

// twin extracts a key the slow way, one field at a time out of the whole packet, as an oracle for
// Extract. It was written from OVS's documentation (ovs-fields(7)) and the RFCs, not from extract.go, and shares
// no code with it. Fields are set by name.
type twin struct {
	key    Key
	l3, l4 int
	short  bool
}

// cursor reads a packet from the front; reading beyond the end fails for good.
type cursor struct {
	b   []byte
	pos int
	bad bool
}

func (c *cursor) left() int { return len(c.b) - c.pos }

func (c *cursor) take(n int) []byte {
	if c.bad || c.left() < n {
		c.bad = true
		return make([]byte, n)
	}
	c.pos += n
	return c.b[c.pos-n : c.pos]
}

func (c *cursor) u8() uint64  { return uint64(c.take(1)[0]) }
func (c *cursor) u16() uint64 { return uint64(binary.BigEndian.Uint16(c.take(2))) }
func (c *cursor) u32() uint64 { return uint64(binary.BigEndian.Uint32(c.take(4))) }

func twinExtract(pkt []byte, port, recirc uint32, vlanLimit int) twin {
	var t twin
	t.key.SetUint(FieldInPort, uint64(port))
	t.key.SetUint(FieldRecircID, uint64(recirc))
	t.key[Base][OffBlocks] = 1
	if len(pkt) < 14 {
		t.short = true
		return t
	}
	c := &cursor{b: pkt}
	t.key.SetBytes(FieldEthDst, c.take(6))
	t.key.SetBytes(FieldEthSrc, c.take(6))
	typ := c.u16()
	tags := [][2]FieldID{{FieldVLANTPID, FieldVLANTCI}, {FieldVLANTPID1, FieldVLANTCI1}}
	for n := 0; n < vlanLimit; n++ {
		if typ != 0x8100 && typ != 0x88a8 {
			break
		}
		if c.left() < 4 {
			break
		}
		t.key.SetUint(tags[n][0], typ)
		t.key.SetUint(tags[n][1], c.u16()|0x1000)
		typ = c.u16()
	}
	if typ < 1536 {
		typ = 0x05ff
		if c.left() >= 8 && string(c.b[c.pos:c.pos+6]) == "\xaa\xaa\x03\x00\x00\x00" {
			if snapType := binary.BigEndian.Uint16(c.b[c.pos+6:]); snapType >= 1536 {
				c.take(8)
				typ = uint64(snapType)
			}
		}
	}
	t.key.SetUint(FieldEthType, typ)
	switch typ {
	case 0x0800:
		t.ipv4(c)
	case 0x86dd:
		t.key[Base][OffBlocks] |= 1 << Net6
		t.ipv6(c)
	case 0x0806, 0x8035:
		t.key[Base][OffBlocks] |= 1 << Net6
		t.arp(c)
	case 0x8847, 0x8848:
		t.key[Base][OffBlocks] |= 1 << Label
		t.mpls(c)
	}
	return t
}

func (t *twin) mpls(c *cursor) {
	if c.left() >= 4 {
		t.l3 = c.pos
	}
	for i := 0; i < 3 && c.left() >= 4; i++ {
		entry := c.take(4)
		copy(t.key[Label][4*i:], entry)
		if entry[2]&1 == 1 {
			break
		}
	}
}

func (t *twin) arp(c *cursor) {
	start := c.pos
	hrd, pro, hln, pln, op := c.u16(), c.u16(), c.u8(), c.u8(), c.u16()
	sha, spa, tha, tpa := c.take(6), c.take(4), c.take(6), c.take(4)
	if c.bad || hrd != 1 || pro != 0x0800 || hln != 6 || pln != 4 {
		return
	}
	t.l3 = start
	if op < 256 {
		t.key.SetUint(FieldARPOp, op)
	}
	t.key.SetBytes(FieldARPSHA, sha)
	t.key.SetBytes(FieldARPSPA, spa)
	t.key.SetBytes(FieldARPTHA, tha)
	t.key.SetBytes(FieldARPTPA, tpa)
}

func (t *twin) ipv4(c *cursor) {
	start, size := c.pos, c.left()
	ihl := int(c.u8()&15) * 4
	tos, length := c.u8(), int(c.u16())
	c.take(2)
	frag, ttl, proto := c.u16(), c.u8(), uint8(c.u8())
	c.take(2)
	src, dst := c.take(4), c.take(4)
	if c.bad || ihl < 20 || length < ihl || length > size || size-length > 65535 {
		return
	}
	t.l3 = start
	t.key.SetUint(FieldIPECN, tos&3)
	t.key.SetUint(FieldIPDSCP, tos>>2)
	t.key.SetUint(FieldIPTTL, ttl)
	t.key.SetUint(FieldIPProto, uint64(proto))
	t.key.SetBytes(FieldIPSrc, src)
	t.key.SetBytes(FieldIPDst, dst)
	offset, more := frag&0x1fff, frag&0x2000 != 0
	switch {
	case offset != 0:
		t.key.SetUint(FieldIPFrag, FragAny|FragLater)
		return
	case more:
		t.key.SetUint(FieldIPFrag, FragAny)
	}
	t.l4 = start + ihl
	t.transport(&cursor{b: c.b[:start+length], pos: t.l4}, proto, false)
}

func (t *twin) ipv6(c *cursor) {
	start, size := c.pos, c.left()
	first, plen, next, hops := c.u32(), int(c.u16()), uint8(c.u8()), c.u8()
	src, dst := c.take(16), c.take(16)
	if c.bad || plen+40 > size || size-plen-40 > 65535 {
		return
	}
	t.l3 = start
	t.key.SetBytes(FieldIPv6Src, src)
	t.key.SetBytes(FieldIPv6Dst, dst)
	c = &cursor{b: c.b[:start+40+plen], pos: start + 40}
	frag := uint64(0)
	for walking := true; walking; {
		h := c.pos
		switch kind := next; kind {
		case 0, 43, 60, 51:
			if c.left() < 8 {
				return
			}
			next = uint8(c.u8())
			n := int(c.u8())
			if kind == 51 {
				n = 4 * (n + 2)
			} else {
				n = 8 * (n + 1)
			}
			c.pos = h
			c.take(n)
		case 44:
			next = uint8(c.u8())
			c.u8()
			field := c.u16()
			c.u32()
			if field == 0 {
				frag |= FragAtomic
				break
			}
			frag |= FragAny
			if field>>3 != 0 {
				frag |= FragLater
				next = 44
				walking = false
			}
		default:
			walking = false
		}
		if c.bad {
			return
		}
	}
	t.key[Base][OffIPFrag] = byte(frag)
	t.key.SetUint(FieldIPProto, uint64(next))
	t.key.SetUint(FieldIPTTL, hops)
	t.key.SetUint(FieldIPv6Label, first&0xfffff)
	t.key.SetUint(FieldIPDSCP, first>>22&63)
	t.key.SetUint(FieldIPECN, first>>20&3)
	if frag&FragLater == 0 {
		t.l4 = c.pos
		t.transport(c, next, true)
	}
}

func (t *twin) transport(c *cursor, proto uint8, v6 bool) {
	size := c.left()
	switch proto {
	case 6:
		src, dst := c.u16(), c.u16()
		c.take(8)
		flags := c.u16()
		c.take(6)
		header := int(flags>>12) * 4
		if c.bad || header < 20 || header > size {
			return
		}
		t.key.SetUint(FieldTCPSrc, src)
		t.key.SetUint(FieldTCPDst, dst)
		t.key.SetUint(FieldTCPFlags, flags&0xfff)
	case 17, 132:
		if size < 8 || proto == 132 && size < 12 {
			return
		}
		t.key.SetUint(FieldUDPSrc, c.u16())
		t.key.SetUint(FieldUDPDst, c.u16())
	case 1, 2, 58:
		if size < 8 {
			return
		}
		typ, code := c.u8(), c.u8()
		t.key.SetUint(FieldICMPType, typ)
		t.key.SetUint(FieldICMPCode, code)
		c.take(6)
		if v6 && proto == 58 && code == 0 && (typ == 135 || typ == 136) {
			t.neighbour(c)
		}
	}
}

func (t *twin) neighbour(c *cursor) {
	target := c.take(16)
	if c.bad {
		return
	}
	var sll, tll [6]byte
	for c.left() >= 8 {
		n := int(c.b[c.pos+1]) * 8
		if n == 0 || n > c.left() {
			break
		}
		opt := c.take(n)
		if n != 8 || opt[0] != 1 && opt[0] != 2 {
			continue
		}
		addr := &sll
		if opt[0] == 2 {
			addr = &tll
		}
		if *addr != [6]byte{} {
			return // given twice: nothing of the message counts
		}
		*addr = [6]byte(opt[2:])
	}
	t.key.SetBytes(FieldNDTarget, target)
	t.key.SetBytes(FieldNDSLL, sll[:])
	t.key.SetBytes(FieldNDTLL, tll[:])
}

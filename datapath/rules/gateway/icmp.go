package gateway

import (
	"encoding/binary"
	"sync"
	"time"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// A message is an ICMP error, by type and code of ICMP and of ICMPv6.
type message struct {
	typ, code, typ6, code6 byte
	mtu                    uint32 // bytes; of those that say one
}

// Messages (RFC 792, RFC 1812 section 5.2.7; RFC 4443 section 3).
var (
	noRoute = message{typ: 3, code: 0, typ6: 1, code6: 0}
	noHost  = message{typ: 3, code: 1, typ6: 1, code6: 3}
	noPort  = message{typ: 3, code: 3, typ6: 1, code6: 4}
	expired = message{typ: 11, code: 0, typ6: 3, code6: 0}
)

// What an error message quotes at most of the packet it is about: so much that it is not longer than 576
// bytes (RFC 1812 section 4.3.2.3), and the least MTU of IPv6 (RFC 4443 section 2.4).
const (
	icmpQuote  = 576 - wire.IPv4Size - wire.ICMPSize
	icmp6Quote = 1280 - wire.IPv6Size - wire.ICMPSize
)

// unreachable drops the packet and tells its sender why. That is done for each packet anew, within a rate, so
// that nothing is cached.
func (l *look) unreachable(r action.Reason, v6 bool, m message) {
	l.v.NoCache = true
	if l.q.Live && l.mayTell(v6) {
		if l.t.errors.take(l.q.Now) {
			l.tell(v6, m)
		} else {
			l.t.tally.hushed.Add(1)
		}
	}
	l.drop(r)
}

// mayTell reports whether an error message may answer the packet (RFC 1812 section 4.3.2.7, RFC 4443 section
// 2.4): not where it would go to many, and not for another error message.
func (l *look) mayTell(v6 bool) bool {
	if l.q.Key.Uint(flow.FieldIPFrag)&flow.FragLater != 0 || l.specialSource(v6) && !l.seg.direct(l.addr(fieldsOf(v6).src)) {
		return false
	}
	typ := l.q.Key.Uint(flow.FieldICMPType)
	switch l.q.Key.Uint(flow.FieldIPProto) {
	case wire.ProtoICMP:
		return v6 || typ == 0 || typ == 8 || typ == 13 || typ == 14 // echo and timestamp
	case wire.ProtoICMPv6:
		return !v6 || typ >= 128
	}
	return true
}

// tell sends the error message back to where the packet came from.
func (l *look) tell(v6 bool, m message) {
	f := fieldsOf(v6)
	to := l.addr(f.src)
	from := l.seg.from(to)
	at := l.l3()
	if !from.IsValid() || len(l.q.Packet) <= at {
		return
	}
	typ, code, proto, most, header := m.typ, m.code, byte(wire.ProtoICMP), icmpQuote, wire.IPv4Size
	if v6 {
		typ, code, proto, most, header = m.typ6, m.code6, wire.ProtoICMPv6, icmp6Quote, wire.IPv6Size
	}
	quote := l.q.Packet[at:min(len(l.q.Packet), at+l.ipSize(at, v6))]
	quote = quote[:min(len(quote), most)]
	b := ipPacket(l.mac(flow.FieldEthSrc), l.seg.MAC, from, to, proto, wire.ICMPSize+len(quote))
	icmp := b[wire.EthernetSize+header:]
	icmp[wire.ICMPType], icmp[wire.ICMPCode] = typ, code
	binary.BigEndian.PutUint32(icmp[wire.ICMPSize-4:], m.mtu)
	copy(icmp[wire.ICMPSize:], quote)
	sumICMP(b)
	if l.t.transmit([]member{{l.in, l.vlan}}, b) {
		l.t.tally.told.Add(1)
	}
}

// l3 returns where the IP header is: behind at most one tag.
func (l *look) l3() int {
	if l.tagged {
		return wire.EthernetSize + wire.VLANTagSize
	}
	return wire.EthernetSize
}

// ttlOffset returns where in the IP header the TTL is.
func (l *look) ttlOffset() int {
	if l.q.Key.Uint(flow.FieldEthType) == wire.TypeIPv6 {
		return wire.IPv6HopLimit
	}
	return wire.IPv4TTL
}

// ipSize returns how long the IP packet at an offset says it is.
func (l *look) ipSize(at int, v6 bool) int {
	h := l.q.Packet[at:]
	switch {
	case v6 && len(h) >= wire.IPv6Size:
		return wire.IPv6Size + int(binary.BigEndian.Uint16(h[wire.IPv6Length:]))
	case !v6 && len(h) >= wire.IPv4Size:
		return int(binary.BigEndian.Uint16(h[wire.IPv4Length:]))
	}
	return len(h)
}

// A bucket limits the rate of error messages. The zero value is full.
type bucket struct {
	mu    sync.Mutex
	spent time.Duration // of the time that the burst stands for
	last  int64         // ns
}

const (
	errorEvery = 10 * time.Millisecond // 100 a second
	errorBurst = 50
)

// take reports whether there is a message left at now.
func (b *bucket) take(now int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spent = max(0, b.spent-time.Duration(now-b.last))
	b.last = max(b.last, now)
	if b.spent > (errorBurst-1)*errorEvery {
		return false
	}
	b.spent += errorEvery
	return true
}

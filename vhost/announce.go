package vhost

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/proto"
)

// An announcement is a packet that the port receives on a guest's behalf, after it has come from another host
// (VHOST_USER_SEND_RARP): it tells switches where the guest is now.
//
// Thread-safety: ask is for the session, take for the worker.
type announcement struct{ mac atomic.Uint64 } // the guest's address, above bit 16; 0: none to make

// announce has the port receive an announcement of the address.
func (p *Port) announce(mac proto.MAC) {
	q := p.rx[0]
	q.announcement.ask(mac)
	q.waker.ring()
}

func (a *announcement) ask(mac proto.MAC) {
	var b [8]byte
	copy(b[:], mac[:])
	a.mac.Store(binary.BigEndian.Uint64(b[:]) | 1)
}

// asked reports whether there is one to make.
func (a *announcement) asked() bool { return a.mac.Load() != 0 }

// take returns the packet that is to be made.
func (a *announcement) take(cache *frame.Cache) (f frame.Frame, ok bool) {
	if f, ok = cache.Get(); !ok {
		return f, false
	}
	var mac [8]byte
	binary.BigEndian.PutUint64(mac[:], a.mac.Swap(0))
	pool := cache.Pool()
	pool.SetLen(&f, 60)
	putRARP(pool.Bytes(f), mac[:6])
	return f, true
}

// putRARP fills b with a reverse ARP request of mac about itself (RFC 903), to everybody.
func putRARP(b, mac []byte) {
	clear(b)
	for i := range 6 {
		b[wire.EthDst+i] = 0xff
	}
	copy(b[wire.EthSrc:], mac)
	binary.BigEndian.PutUint16(b[wire.EthType:], wire.TypeRARP)
	arp := b[wire.EthernetSize:]
	binary.BigEndian.PutUint16(arp[wire.ARPHardware:], 1)
	binary.BigEndian.PutUint16(arp[wire.ARPProtocol:], wire.TypeIPv4)
	arp[wire.ARPHardLen], arp[wire.ARPProtoLen] = 6, 4
	binary.BigEndian.PutUint16(arp[wire.ARPOperation:], 3)
	copy(arp[wire.ARPSHA:], mac)
	copy(arp[wire.ARPTHA:], mac)
}

// announceTo appends the packet to b, if there is room for it and a buffer, and returns how many that were.
func (q *rxQueue) announceTo(b *frame.Batch) int {
	if b.Room() == 0 {
		return 0
	}
	f, ok := q.announcement.take(q.cache)
	if !ok {
		return 0
	}
	b.Append(f)
	return q.count(b.Frames()[b.Len()-1:])
}

package demo

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/culvertdev/culvert/bench/traffic"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/pmd/memport"
	"golang.org/x/sys/unix"
)

// A memoryHost is a host that knows enough to answer a ping and to count numbered packets.
//
// Its goroutine owns the port's other end; what is to be sent reaches it as jobs.
type memoryHost struct {
	person
	addr netip.Addr
	peer *memport.Peer
	jobs chan func()
	stop chan struct{}
	done chan struct{}

	sent, received atomic.Uint64
	echoed         chan uint16   // sequence numbers of echo replies
	next           atomic.Uint64 // number of the packet expected next
	damaged        atomic.Uint64 // numbered packets that were not the one expected
	want           []byte        // what numbered packets look like but for their number
}

func newMemoryHost(i int, peer *memport.Peer) *memoryHost {
	h := &memoryHost{
		person: people()[i], peer: peer,
		addr: netip.AddrFrom4([4]byte{10, 77, 0, byte(i + 1)}),
		jobs: make(chan func()), stop: make(chan struct{}), done: make(chan struct{}),
		echoed: make(chan uint16, 64),
	}
	go h.live()
	return h
}

func (h *memoryHost) live() {
	defer close(h.done)
	for {
		select {
		case <-h.stop:
			return
		case job := <-h.jobs:
			job()
		default:
			if !h.receive() {
				rest()
			}
		}
	}
}

// rest waits a little: time.Sleep would be a millisecond when nothing else runs.
func rest() { _ = unix.Nanosleep(&unix.Timespec{Nsec: 20_000}, nil) }

// do runs job on the host's goroutine.
func (h *memoryHost) do(job func()) {
	done := make(chan struct{})
	h.jobs <- func() { job(); close(done) }
	<-done
}

func (h *memoryHost) close() error {
	close(h.stop)
	<-h.done
	return h.peer.Close()
}

func (h *memoryHost) send(packets ...[]byte) {
	h.sent.Add(uint64(h.peer.SendBytes(packets...)))
}

func (h *memoryHost) receive() bool {
	packets := h.peer.RecvBytes()
	h.received.Add(uint64(len(packets)))
	for _, p := range packets {
		if bytes.Equal(p[:6], h.mac) { // flooded packets of others are not for this host
			h.take(p)
		}
	}
	return len(packets) > 0
}

// Offsets in the packets the hosts make: IPv4 without options, untagged.
const (
	atIP      = 14
	atProto   = atIP + 9
	atSrc     = atIP + 12
	atDst     = atIP + 16
	atL4      = atIP + 20
	atSeq     = atL4 + 6 // ICMP echo
	atUDPSum  = atL4 + 6
	atPayload = atL4 + 8
	numbered  = atPayload + 8 // bytes of a numbered packet up to its filling
)

// take deals with a packet for this host.
func (h *memoryHost) take(p []byte) {
	switch {
	case len(p) >= numbered && p[atProto] == protoUDP:
		h.takeNumbered(p)
	case len(p) >= atPayload && p[atProto] == protoICMP && p[atL4] == echoReply:
		h.echoed <- binary.BigEndian.Uint16(p[atSeq:])
	case len(p) >= atPayload && p[atProto] == protoICMP && p[atL4] == echoRequest:
		h.send(reply(p))
	}
}

func (h *memoryHost) takeNumbered(p []byte) {
	n := binary.BigEndian.Uint64(p[atPayload:])
	same := bytes.Equal(p[:atPayload], h.want[:atPayload]) && bytes.Equal(p[numbered:], h.want[numbered:])
	if n != h.next.Load() || !same {
		h.damaged.Add(1)
	}
	h.next.Store(n + 1)
}

// Numbers of RFC 790 and RFC 792.
const (
	protoICMP, protoUDP    = 1, 17
	echoReply, echoRequest = 0, 8
)

// reply returns the answer to an echo request: the same with its ends exchanged.
func reply(p []byte) []byte {
	r := bytes.Clone(p)
	copy(r[0:6], p[6:12])
	copy(r[6:12], p[0:6])
	copy(r[atSrc:atSrc+4], p[atDst:])
	copy(r[atDst:atDst+4], p[atSrc:])
	r[atL4] = echoReply
	return sumICMP(r)
}

// sumICMP fills in the checksum of the ICMP message in p.
func sumICMP(p []byte) []byte {
	icmp := p[atL4:]
	icmp[2], icmp[3] = 0, 0
	binary.BigEndian.PutUint16(icmp[2:], wire.Checksum(icmp))
	return p
}

// packet returns a packet to another host with n bytes behind 8 of a layer-4 header.
func (h *memoryHost) packet(to *memoryHost, proto byte, n int) ([]byte, error) {
	frames, err := traffic.Flows{
		From: traffic.Endpoint{MAC: h.mac, Addr: h.addr}, To: traffic.Endpoint{MAC: to.mac, Addr: to.addr},
		Size: atPayload + n,
	}.Frames()
	if err != nil {
		return nil, fmt.Errorf("make a packet: %w", err)
	}
	p := frames[0]
	old := uint16(p[atProto-1])<<8 | uint16(p[atProto]) // TTL and protocol
	p[atProto] = proto
	sum := binary.BigEndian.Uint16(p[atIP+10:])
	binary.BigEndian.PutUint16(p[atIP+10:], wire.Update16(sum, old, old&0xff00|uint16(proto)))
	return p, nil
}

// ping sends echo requests, the next one when the last is answered or given up.
func (h *memoryHost) ping(ctx context.Context, to *memoryHost, o traffic.Ping) (e traffic.Echoes, err error) {
	count, timeout := 5, o.Timeout
	if o.Count != 0 {
		count = o.Count
	}
	p, err := h.packet(to, protoICMP, 56)
	if err != nil {
		return e, err
	}
	var total time.Duration
	for seq := range count {
		clear(p[atL4:atPayload])
		p[atL4] = echoRequest
		binary.BigEndian.PutUint16(p[atSeq:], uint16(seq))
		start := time.Now()
		h.do(func() { h.send(sumICMP(p)) })
		e.Sent++
		if h.awaitEcho(ctx, uint16(seq), start.Add(timeout)) {
			d := time.Since(start)
			if e.Received == 0 || d < e.Min {
				e.Min = d
			}
			e.Max = max(e.Max, d)
			e.Received++
			total += d
			e.Avg = total / time.Duration(e.Received)
		}
	}
	return e, ctx.Err()
}

// awaitEcho waits for a reply and passes by those that come late.
func (h *memoryHost) awaitEcho(ctx context.Context, seq uint16, until time.Time) bool {
	late := time.NewTimer(time.Until(until))
	defer late.Stop()
	for {
		select {
		case got := <-h.echoed:
			if got == seq {
				return true
			}
		case <-late.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// window is how many numbered packets may be on their way: fewer than a port's ring takes.
const window = 1024

// stream sends numbered packets for d, no more at a time than fit on the way, and returns how many
// arrived. It is an error when one is missing, out of order or changed.
func (h *memoryHost) stream(ctx context.Context, to *memoryHost, d time.Duration) (uint64, error) {
	template, err := h.packet(to, protoUDP, 1024)
	if err != nil {
		return 0, err
	}
	clear(template[atUDPSum : atUDPSum+2]) // none: RFC 768
	to.do(func() {
		to.want = template
		to.next.Store(0)
		to.damaged.Store(0)
	})
	burst := make([][]byte, 32)
	for i := range burst {
		burst[i] = bytes.Clone(template)
	}
	var n uint64
	for end := time.Now().Add(d); time.Now().Before(end) && ctx.Err() == nil; {
		if n-to.next.Load() > window-uint64(len(burst)) {
			rest()
			continue
		}
		for _, p := range burst {
			binary.BigEndian.PutUint64(p[atPayload:], n)
			n++
		}
		h.do(func() { h.send(burst...) })
	}
	for end := time.Now().Add(patience); to.next.Load() != n && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if bad := to.damaged.Load(); bad > 0 {
		return n, fmt.Errorf("%d packets were not the ones expected", bad)
	}
	if got := to.next.Load(); got != n {
		return got, errors.New("the last packets are missing")
	}
	return n, nil
}

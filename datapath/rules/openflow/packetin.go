package openflow

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// A PacketIn is a packet that was sent to controllers. Nobody changes it.
type PacketIn struct {
	Reason   Reason
	ID       uint16 // of the controllers it is for
	Table    uint8
	Cookie   uint64
	Match    *flow.Match  // in_port; of registers, metadata and tunnel fields those that are not zero
	Options  *flow.TLVMap // what the tunnel options of Match are
	Size     int          // bytes of the whole packet
	Data     []byte       // its front
	UserData []byte
	// Continuation, when not 0, is what Resume takes to let the packet go on. It is good for some seconds.
	Continuation uint64
}

// Rate limits of packet-ins where Options say nothing else.
const (
	DefaultPacketInRate  = 1000 // a second
	DefaultPacketInBurst = 1000
)

// PacketInCounts is what became of the packets that programs sent to controllers.
type PacketInCounts struct {
	Sent        uint64 // to at least one subscriber
	Limited     uint64 // over the rate limit
	Lost        uint64 // found a subscriber's queue full, once for each
	Unheard     uint64 // nobody subscribes
	ContextGone uint64 // what they were sent for is not known any more
}

// packetIns delivers packets to subscribers.
//
// Thread-safety: all methods may be called at the same time.
type packetIns struct {
	mu          sync.Mutex
	subscribers []*PacketSubscription
	rate, burst int
	tokens      int64 // in 1/1e9 of a packet
	filled      int64 // ns
	counts      PacketInCounts
}

// A PacketSubscription hears of packet-ins. Its queue is bounded: a subscriber that does not keep up loses
// packets, never the table's time, and Lost counts them.
type PacketSubscription struct {
	// C delivers the packets in order. Close closes it.
	C <-chan *PacketIn

	to   chan *PacketIn
	in   *packetIns
	id   uint16
	lost atomic.Uint64
}

// SubscribePackets returns a subscription to packet-ins for a controller id, with room for queue of them.
func (t *Table) SubscribePackets(id uint16, queue int) *PacketSubscription {
	s := &PacketSubscription{to: make(chan *PacketIn, queue), in: &t.packetIns, id: id}
	s.C = s.to
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	s.in.subscribers = append(s.in.subscribers, s)
	return s
}

// Lost returns how many packets found the queue full.
func (s *PacketSubscription) Lost() uint64 { return s.lost.Load() }

// Close ends the subscription. It may be called again.
func (s *PacketSubscription) Close() {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	if i := slices.Index(s.in.subscribers, s); i >= 0 {
		s.in.subscribers = slices.Delete(s.in.subscribers, i, i+1)
		close(s.to)
	}
}

// PacketInCounts returns what became of packet-ins.
func (t *Table) PacketInCounts() PacketInCounts {
	t.packetIns.mu.Lock()
	defer t.packetIns.mu.Unlock()
	return t.packetIns.counts
}

// Receive implements rules.Receiver.
func (t *Table) Receive(id uint32, q *rules.Query) {
	switch c := t.contexts.get(id).(type) {
	case *sending:
		t.receiveSending(c, q)
	case *tunneled:
		t.receiveTunneled(c, q)
	default:
		t.packetIns.gone()
	}
}

// receiveSending takes a packet for controllers.
func (t *Table) receiveSending(s *sending, q *rules.Query) {
	p := &PacketIn{
		Reason: s.Reason, ID: s.ID, Table: s.table, Cookie: s.cookie, Size: q.Size, UserData: s.UserData,
	}
	if t.packetIns.admit(s.ID, q.Now) {
		p.Options = t.TunnelOptions()
		p.Match = s.match(q.Key, p.Options)
		p.Data = slices.Clone(q.Packet[:min(len(q.Packet), int(s.MaxLen))])
		if s.on != 0 {
			p.Continuation = t.token(s.on)
		}
		t.packetIns.deliver(p)
	}
}

func (in *packetIns) gone() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.counts.ContextGone++
}

// admit reports whether a packet for id may be delivered at now.
func (in *packetIns) admit(id uint16, now int64) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if !slices.ContainsFunc(in.subscribers, func(s *PacketSubscription) bool { return s.id == id }) {
		in.counts.Unheard++
		return false
	}
	const packet = 1e9
	full := int64(in.burst) * packet
	if passed := now - in.filled; passed > 0 {
		if passed >= full/int64(in.rate)+1 {
			in.tokens = full
		} else {
			in.tokens = min(full, in.tokens+passed*int64(in.rate))
		}
		in.filled = now
	}
	if in.tokens < packet {
		in.counts.Limited++
		return false
	}
	in.tokens -= packet
	return true
}

// deliver gives a packet to the subscribers of its id.
func (in *packetIns) deliver(p *PacketIn) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.counts.Sent++
	for _, s := range in.subscribers {
		if s.id != p.ID {
			continue
		}
		select {
		case s.to <- p:
		default:
			s.lost.Add(1)
			in.counts.Lost++
		}
	}
}

// limit sets the rate limit; 0 means the default.
func (in *packetIns) limit(rate, burst int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if rate == 0 {
		rate = DefaultPacketInRate
	}
	if burst == 0 {
		burst = DefaultPacketInBurst
	}
	in.rate, in.burst = rate, burst
}

// SetSender implements rules.SenderUser.
func (t *Table) SetSender(s rules.Sender) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sender = s
}

// portID returns the datapath port of an OpenFlow number; of numbers that no port has, 0. The caller holds
// a lock.
func (t *Table) portID(number uint32) (id uint32, ok bool) {
	if p := t.ports.byNumber[number]; p != nil {
		return p.ID, true
	}
	return 0, number == PortController || number == PortNone
}

// MatchText returns Match in ovs-ofctl's syntax.
func (p *PacketIn) MatchText() string {
	return string(p.Match.Append(nil, flow.Names{Options: p.Options}))
}

// Text returns the packet-in in the form of ovs-ofctl monitor, without the name of the message.
func (p *PacketIn) Text() string {
	b := fmt.Appendf(nil, "table_id=%d cookie=0x%x total_len=%d %s (via %s) data_len=%d (unbuffered)",
		p.Table, p.Cookie, p.Size, p.MatchText(), p.Reason, len(p.Data))
	if len(p.UserData) > 0 {
		b = appendHex(append(b, "\n userdata="...), p.UserData)
	}
	if p.Continuation != 0 {
		b = fmt.Appendf(b, "\n continuation=0x%x", p.Continuation)
	}
	return string(b)
}

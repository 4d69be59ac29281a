package rules

import (
	"net/netip"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// A Tunnel is what is behind a port whose packets leave as the payload of others, by other ports.
//
// Thread-safety: safe for concurrent use. Slow path only.
type Tunnel interface {
	// Send adds to s.Program what sends a packet out of the tunnel, in clones: the packet itself stays as it
	// is. How it leaves depends on routes and look-ups, which s.Tags names.
	Send(s *Sending) Sent
	// MTU returns the bytes of the largest layer-3 packet that goes through, 0 if that is not known.
	MTU() int
}

// A TunnelUser is a Table that sends packets out of tunnels.
type TunnelUser interface {
	// TunnelsChanged says that verdicts that one of the changes concerns may be others now; their tags are those
	// that Tunnel.Send gave. Packets that wait for such a change can go on. The list is not kept, what its matches
	// point to is not changed.
	TunnelsChanged(list []Change)
}

// A TunnelListener is a Tunnel that wants to know who sends packets by it.
//
// Thread-safety: safe for concurrent use. Slow path only.
type TunnelListener interface {
	// Arrived returns what a packet that came in by the tunnel shows, and adds to uses the bits of its key that it
	// looked at. tags are as Verdict.Tags; 0: nobody wants to know.
	Arrived(key *flow.Key, uses *flow.Mask) (l Lesson, tags uint64)
	// Heed takes to heart what a packet shows that has come in just now, or what packets of its flow have shown since. It does not keep l.
	Heed(l *Lesson)
}

// A Lesson is what a packet that came in by a tunnel shows. The zero value is nothing.
type Lesson struct {
	VNI      uint32
	Src, Dst [6]byte    // of the inner Ethernet header; zero: nothing is to be learned from it
	IP       netip.Addr // of Src, if the packet says so
	From, To netip.Addr // ends of the tunnel
}

// A TunnelCensor is a Tunnel whose packets may say that nobody may learn from them where their sender is.
//
// Thread-safety: safe for concurrent use. Slow path only.
type TunnelCensor interface {
	// Secrecy returns the bits of tun_gbp_flags any of which says so; 0: no packet of the tunnel says anything.
	Secrecy() uint64
}

// Secret reports whether a packet that came in by a port with a tunnel, nil for none, says that nobody may learn from it where its
// sender is, and adds to uses the bits of its key that it looked at.
func Secret(in Tunnel, key *flow.Key, uses *flow.Mask) bool {
	censor, ok := in.(TunnelCensor)
	if !ok {
		return false
	}
	bits := censor.Secrecy()
	if bits == 0 {
		return false
	}
	uses.SetBits(flow.FieldTunGBPFlags, bits)
	return key.Uint(flow.FieldTunGBPFlags)&bits != 0
}

// A TunnelEntrance is a Tunnel that wants to know whose packets go into it.
//
// Thread-safety: safe for concurrent use. Slow path only.
type TunnelEntrance interface {
	// Entered hears that packets of a flow have gone into the tunnel since, of which Send has said e, which it does not keep. The latest
	// was seen at used, in ns as Query.Now.
	Entered(e *Entry, used int64)
}

// An Entry is what a packet shows that goes into a tunnel. The zero value is nothing.
type Entry struct {
	VNI  uint32
	Src  [6]byte    // of the Ethernet header
	IP   netip.Addr // of Src, if the packet says so
	Port uint32     // datapath port that it came in by; 0: none, and nothing is to be heard again
}

// Sent says what becomes of a packet for a tunnel.
type Sent uint8

// What becomes of it.
const (
	SentOut Sent = iota // it goes out
	// SentLater: it has to wait. Of a Sending with a Packet as much as can goes out, and Missing says what is left; without
	// one nothing does, so that each end gets it once.
	SentLater
	SentNot // it does not, because of Sending.Reason
)

// A Sending is a packet that is to leave by a tunnel, and what comes of that. Whoever asks fills in the first
// part and uses it again for other packets.
type Sending struct {
	// Key is the packet as it is: its tunnel fields say where it goes, if the tunnel lets them.
	Key *flow.Key
	// Came is the packet as it came in: its tunnel fields say from where, if by a tunnel.
	Came    *flow.Key
	Port    uint32       // datapath port of the tunnel
	Packet  []byte       // as a whole; nil when any of the flow's may come
	Options *flow.TLVMap // what the tunnel options of Key are
	Trunc   uint32       // bytes that are sent of it at most; 0: all
	// Context is what copies of packets go to the table with (action.OpSend) that turn out too long; 0: they
	// are dropped.
	Context uint32
	// Live: there is a packet, and somebody may be asked where it goes.
	Live bool
	Now  int64 // ns, as Query.Now
	// Switched: an Ethernet switch sends it, not a rule that names the port. It does not go back to the end of a
	// tunnel that it came from.
	Switched bool
	// Only, when not nil, are the ends that are still to get it.
	Only []netip.Addr
	// Waited: it has been sent before and had to wait: who sends it is known since then.
	Waited bool
	// TooLong: a copy of Packet, which workers have sent wherever it fits (action.ExcessSend). It goes nowhere; its sender
	// is told.
	TooLong bool

	Program *action.Program
	Uses    flow.Mask // bits of Key that mattered
	// CameUses: it mattered which end of a tunnel it came from, by Came's tun_src, tun_dst and tun_id.
	CameUses bool
	Tags     uint64       // as Verdict.Tags
	Missing  []netip.Addr // SentLater: the ends whose next hop is asked for; empty: who should get it is not known
	Reason   action.Reason
	// Room: Packet is longer than the way to one of the ends takes, which is so many bytes, and does not go there.
	Room int
	// Entry is what the tunnel, a TunnelEntrance then, hears again whenever packets of the flow are counted.
	Entry Entry
	// Reply, when not nil, answers Packet: it goes back as if it had come in by the tunnel, with the tunnel fields that
	// Origin has.
	Reply  []byte
	Origin flow.Block
}

// Reset empties what comes of s.
func (s *Sending) Reset() {
	s.Uses, s.CameUses, s.Tags, s.Missing, s.Reason, s.Room, s.Reply, s.Entry = flow.Mask{}, false, 0, s.Missing[:0], 0, 0, nil, Entry{}
}

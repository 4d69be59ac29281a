package tunnel

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/counter"
)

// Bounds of packets that wait. Those of one port leave room for the others'.
const (
	maxWaiting     = 512
	maxWaitingFrom = 128             // that came in by one port
	maxWait        = 3 * time.Second // as long as a neighbour is asked
)

// A Parcel is a packet that a rule table has been given because it is to leave by a tunnel and could not yet.
type Parcel struct {
	Tunnel   rules.Tunnel
	Port     uint32       // datapath port of the tunnel
	InPort   uint32       // datapath port that the packet came in by; 0: none
	Key      flow.Key     // as Sending.Key
	Came     flow.Key     // as Sending.Came
	Options  *flow.TLVMap // as Sending.Options
	Switched bool         // as Sending.Switched
	Packet   []byte       // as it is to leave
	Tags     int          // VLAN tags of it that rules have pushed
	TooLong  bool         // as Sending.TooLong

	only  []netip.Addr // ends that have not got it
	tags  uint64       // that it waits for
	since int64        // ns
}

// Waiting is the packets of one rule table that wait: for a next hop's Ethernet address, or until somebody has said
// behind which end of the overlay a destination is. The zero value is empty.
//
// Thread-safety: all methods may be called at the same time.
type Waiting struct {
	changes atomic.Uint64 // calls of Changed

	mu    sync.Mutex
	list  []*Parcel
	tally struct{ waited, full, late, lost uint64 }
}

// Send sends a packet, or lets it wait, or answers who sent it. It keeps p and what p refers to. now is on the clock of
// rules.Query.
func (w *Waiting) Send(p *Parcel, sender rules.Sender, now int64) {
	for {
		before := w.changes.Load()
		if !w.try(p, sender, now) || !w.add(p, now) || w.changes.Load() == before {
			return
		}
		// Something changed while it was on its way into the list: it may have been what the packet waits for.
		if !w.take(p) {
			return
		}
	}
}

// try sends a packet, as far as that can be done now, and reports whether it has to wait.
func (w *Waiting) try(p *Parcel, sender rules.Sender, now int64) (later bool) {
	var program action.Program
	s := rules.Sending{
		Key: &p.Key, Came: &p.Came, Port: p.Port, Packet: p.Packet, Options: p.Options, Live: true, Now: now, Switched: p.Switched, Only: p.only,
		Waited: p.since != 0, TooLong: p.TooLong,
		Program: &program,
	}
	result := p.Tunnel.Send(&s)
	lost := false
	if !program.Empty() {
		packet, words := untag(p.Packet, p.Tags, program.Words())
		lost = sender.Inject(p.InPort, packet, words) != nil
	}
	if s.Reply != nil {
		lost = !reply(p, &s, sender) || lost
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if lost || result == rules.SentNot {
		w.tally.lost++
	}
	p.only, p.tags = slices.Clone(s.Missing), s.Tags
	return result == rules.SentLater
}

// reply lets the packet come in by the tunnel that answers p.
func reply(p *Parcel, s *rules.Sending, sender rules.Sender) bool {
	var program action.Program
	program.Recirc(0) // looked up like any other
	var key flow.Key
	key.SetUint(flow.FieldInPort, uint64(p.Port))
	key[flow.Base][flow.OffBlocks] = 1<<flow.Base | 1<<flow.Tunnel
	key[flow.Tunnel] = s.Origin
	return rules.InjectAs(sender, &key, s.Reply, program.Words()) == nil
}

// add lets a packet wait, if there is room.
func (w *Waiting) add(p *Parcel, now int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	from := 0
	for _, other := range w.list {
		if other.InPort == p.InPort {
			from++
		}
	}
	if len(w.list) >= maxWaiting || from >= maxWaitingFrom {
		w.tally.full++
		return false
	}
	if p.since == 0 {
		p.since = now
		w.tally.waited++
	}
	w.list = append(w.list, p)
	return true
}

// take takes a packet out of the list, and reports whether it was still there.
func (w *Waiting) take(p *Parcel) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.Index(w.list, p)
	if i >= 0 {
		w.list = slices.Delete(w.list, i, i+1)
	}
	return i >= 0
}

// remove takes out of the list, in their order, the packets that ready says.
func (w *Waiting) remove(ready func(*Parcel) bool) (out []*Parcel) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = slices.DeleteFunc(w.list, func(p *Parcel) bool {
		if !ready(p) {
			return false
		}
		out = append(out, p)
		return true
	})
	return out
}

// Changed lets the packets go on that wait for one of tags.
func (w *Waiting) Changed(tags uint64, sender rules.Sender, now int64) {
	w.changes.Add(1)
	for _, p := range w.remove(func(p *Parcel) bool { return p.tags&tags != 0 }) {
		w.Send(p, sender, now)
	}
}

// Expire drops the packets that have waited in vain.
func (w *Waiting) Expire(now int64) {
	late := w.remove(func(p *Parcel) bool { return now-p.since >= int64(maxWait) })
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tally.late += uint64(len(late))
}

// Forget drops the packets for a tunnel that is gone.
func (w *Waiting) Forget(port uint32) { w.remove(func(p *Parcel) bool { return p.Port == port }) }

// Samples returns what became of packets that had to wait.
func (w *Waiting) Samples() []counter.Sample {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.tally
	return []counter.Sample{
		{Desc: counter.Desc{Name: "tunnel_waited", Help: "Packets that waited to leave by a tunnel, for a next hop or a look-up."}, Value: n.waited},
		{Desc: counter.Desc{Name: "tunnel_wait_full", Help: "Packets for a tunnel that found no room to wait.", Kind: counter.Drop}, Value: n.full},
		{Desc: counter.Desc{Name: "tunnel_wait_expired", Help: "Packets for a tunnel that waited in vain.", Kind: counter.Drop}, Value: n.late},
		{Desc: counter.Desc{Name: "tunnel_wait_lost", Help: "Packets for a tunnel that after all had no way, or found the workers' queue full.", Kind: counter.Drop}, Value: n.lost},
	}
}

package gateway

import (
	"slices"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/tunnel"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// What packets for a tunnel come to the table with that are too long for it or have to wait: its datapath port, which is
// not 0, whether they stay in their segment, and whether workers have sent them wherever they fit.
const (
	switchedBit = 1 << iota
	tooLongBit
	contextBits = iota
)

// contextOf returns what packets come to the table with that have to wait; with tooLongBit, those that are too long.
func contextOf(port uint32, switched bool) uint32 {
	id := port << contextBits
	if switched {
		id |= switchedBit
	}
	return id
}

// outputTunnel sends the packet, as the program has made it, out of a tunnel, and reports whether it goes there or has to
// wait. Where it goes is for the tunnel to say.
//
// A packet that stays in its segment does not go back to the end of a tunnel that it came from. What the gateway routes or
// answers may: it is the gateway's own.
func (l *look) outputTunnel(port *rules.Port) bool {
	s := l.t.tunnellings.Get().(*tunnelling)
	defer l.t.tunnellings.Put(s)
	switched := !l.ours
	s.leaves.become(l.q.Key, l.v.Actions.Words())
	s.program.Become(l.v.Actions.Words())
	s.Key, s.Came, s.Program = &s.leaves.key, nil, &s.program
	if switched {
		s.came = *l.q.Key
		s.Came = &s.came
	}
	s.Port, s.Live, s.Now, s.Switched = port.ID, l.q.Live, l.q.Now, switched
	later := contextOf(port.ID, switched)
	s.Context = later | tooLongBit
	sent := port.Tunnel.Send(&s.Sending)
	l.v.Actions.Become(s.program.Words())
	s.leaves.consult(&s.Uses, l.v)
	if s.CameUses {
		for _, f := range [...]flow.FieldID{flow.FieldTunID, flow.FieldTunSrc, flow.FieldTunDst, flow.FieldTunIPv6Src, flow.FieldTunIPv6Dst} {
			l.see(f)
		}
	}
	l.v.Tags |= s.Tags
	if s.Entry.Port != 0 {
		l.v.Trail = rules.AppendEntry(append(l.v.Trail, trailWord(trailEntry, uint64(port.ID))), &s.Entry)
	}
	switch sent {
	case rules.SentNot:
		l.unsent = s.Reason
		if l.q.Trace != nil {
			l.trace("-> %s", s.Reason.Sentence())
		}
		return false
	case rules.SentLater:
		l.trace("-> waits to leave by the tunnel")
		l.v.Actions.Send(later)
	}
	return true
}

// A tunnelling is what a tunnel is asked with. It has copies of what a look-up keeps on its stack.
type tunnelling struct {
	rules.Sending
	leaves  changed
	came    flow.Key
	program action.Program
}

// Receive implements rules.Receiver: it takes a packet for a tunnel.
func (t *Table) Receive(id uint32, q *rules.Query) {
	t.mu.RLock()
	port, sender := t.state.ports[id>>contextBits], t.sender
	in := t.state.ports[uint32(q.Key.Uint(flow.FieldInPort))]
	t.mu.RUnlock()
	if port == nil || port.Tunnel == nil || sender == nil {
		return // it has gone since
	}
	p := &tunnel.Parcel{Tunnel: port.Tunnel, Port: port.ID, Key: *q.Key, Packet: slices.Clone(q.Packet), TooLong: id&tooLongBit != 0}
	if id&switchedBit != 0 {
		p.Came, p.Switched = *q.Key, true
	}
	if in != nil {
		p.InPort = in.ID
	}
	t.waiting.Send(p, sender, q.Now)
}

// TunnelsChanged implements rules.TunnelUser.
func (t *Table) TunnelsChanged(list []rules.Change) {
	var tags uint64
	for _, c := range list {
		tags |= c.Tag
	}
	t.log.changed(tags)
	t.mu.RLock()
	sender := t.sender
	t.mu.RUnlock()
	if sender != nil {
		t.waiting.Changed(tags, sender, t.clock())
	}
}

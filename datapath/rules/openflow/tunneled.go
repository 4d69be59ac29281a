package openflow

import (
	"encoding/binary"
	"slices"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/tunnel"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// A tunneled is what is known of packets for a tunnel that come to the table, since they are too long or have to wait,
// beside their bytes and what they came with.
type tunneled struct {
	port     uint32 // OpenFlow number of the tunnel
	trunc    uint32 // bytes that are sent of them at most; 0: all
	switched bool
	tooLong  bool // workers have sent it wherever it fits; else nobody has got it yet
	tags     int  // VLAN tags that rules have pushed onto them, less those that they have taken off
	tunnelWrites
}

func (*tunneled) kind() contentKind { return contentTunneled }

// A tunnelling is what a tunnel is asked with. It has copies of what a look-up keeps on its stack.
type tunnelling struct {
	rules.Sending
	key, came flow.Key
	program   action.Program
}

// outputTunnel sends the packet out of a tunnel. Where it goes is for the tunnel to say.
func (x *xlate) outputTunnel(port *rules.Port) {
	x.spoil()
	x.commit()
	x.v.Rewrote |= x.touched // the tunnel looks at the packet as it is now
	id := x.internTunneled(port, true)
	s := x.t.tunnellings.Get().(*tunnelling)
	defer x.t.tunnellings.Put(s)
	s.key, s.came = x.work, *x.q.Key
	s.program.Become(x.v.Actions.Words())
	s.Key, s.Came, s.Program, s.Options = &s.key, &s.came, &s.program, x.t.TunnelOptions()
	s.Port, s.Trunc, s.Context, s.Live, s.Now, s.Switched = port.ID, x.trunc, id, x.q.Live, x.q.Now, x.switched
	sent := port.Tunnel.Send(&s.Sending)
	x.v.Actions.Become(s.program.Words())
	x.uses = s.Uses
	x.consult()
	if s.CameUses {
		for _, f := range [...]flow.FieldID{flow.FieldTunID, flow.FieldTunSrc, flow.FieldTunDst, flow.FieldTunIPv6Src, flow.FieldTunIPv6Dst} {
			x.v.Mask.SetExact(f)
		}
	}
	x.v.Tags |= s.Tags
	x.entered(port, &s.Entry)
	switch sent {
	case rules.SentNot:
		x.because(s.Reason)
		if x.q.Trace != nil {
			x.trace(x.level(), "-> %s", s.Reason.Sentence())
		}
		return
	case rules.SentLater:
		x.trace(x.level(), "-> waits to leave by the tunnel")
		id = x.internTunneled(port, false)
		x.v.Actions.Send(id)
	}
	x.cloned = true
	x.name(id)
	x.outputs++
}

// internTunneled returns the id of the context that the packet comes to the table with, being too long or having to wait; 0
// if there are too many.
func (x *xlate) internTunneled(port *rules.Port, tooLong bool) uint32 {
	f := tunneled{port: port.Number, trunc: x.trunc, switched: x.switched, tooLong: tooLong, tags: tagsPushed(x.v.Actions.Words())}
	f.take(&x.work, &x.written)
	c := x.t.contexts
	buf := c.buffers.Get().(*[]byte)
	defer c.buffers.Put(buf)
	key := f.appendKey(append((*buf)[:0], byte(contentTunneled)))
	*buf = key
	if id := c.find(key, x.q.Now); id != 0 {
		return id
	}
	kept := f
	return c.add(key, &kept, false, x.q.Now)
}

// tagsPushed returns how many VLAN tags more a packet has after a program.
func tagsPushed(words []uint64) (n int) {
	for in, rest, ok := action.Next(words); ok; in, rest, ok = action.Next(rest) {
		switch in.Op {
		case action.OpPushVLAN:
			n++
		case action.OpPopVLAN:
			n--
		}
	}
	return max(n, 0)
}

// appendKey appends what tells f from others.
func (f *tunneled) appendKey(b []byte) []byte {
	b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(f.port)), uint64(f.trunc))
	b = binary.AppendUvarint(b, uint64(f.tags))
	var bits byte
	if f.switched {
		bits |= 1
	}
	if f.tooLong {
		bits |= 2
	}
	b = append(b, bits)
	return f.tunnelWrites.appendKey(b)
}

// receiveTunneled takes a packet for a tunnel.
func (t *Table) receiveTunneled(f *tunneled, q *rules.Query) {
	t.mu.RLock()
	port, sender := t.ports.byNumber[f.port], t.sender
	t.mu.RUnlock()
	if port == nil || port.Tunnel == nil || sender == nil {
		return // it has gone since
	}
	packet := q.Packet
	if f.trunc != 0 {
		packet = packet[:min(len(packet), int(f.trunc))]
	}
	key := *q.Key
	f.onto(&key)
	p := &tunnel.Parcel{
		Tunnel: port.Tunnel, Port: port.ID, Key: key, Came: *q.Key, Options: t.TunnelOptions(), Switched: f.switched,
		Packet: slices.Clone(packet), Tags: f.tags, TooLong: f.tooLong,
	}
	if in := uint32(q.Key.Uint(flow.FieldInPort)); t.hasPort(in) {
		p.InPort = in
	}
	t.waiting.Send(p, sender, q.Now)
}

// hasPort reports whether a datapath port is one of the bridge's.
func (t *Table) hasPort(id uint32) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.ports.byID[id] != nil
}

// TunnelsChanged implements rules.TunnelUser.
func (t *Table) TunnelsChanged(list []rules.Change) {
	var tags uint64
	for _, c := range list {
		t.log.add(change{tag: c.Tag, match: c.Match})
		tags |= c.Tag
	}
	t.mu.RLock()
	sender := t.sender
	t.mu.RUnlock()
	if sender != nil {
		t.waiting.Changed(tags, sender, t.clock())
	}
}

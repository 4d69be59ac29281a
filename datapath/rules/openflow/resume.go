package openflow

import (
	"errors"
	"fmt"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
)

var _ = [1]struct{}{}[flow.Version-3]

// Errors of Resume and SendPacket.
var (
	ErrStale    = errors.New("continuation: the packet's is not known any more")
	ErrNoSwitch = errors.New("the bridge is not part of a switch")
)

// token returns what a controller names a context by: the id, and a hash that only the table knows.
func (t *Table) token(id uint32) uint64 {
	h := (uint64(id) ^ t.salt) * 0x9e3779b97f4a7c15
	h = (h ^ h>>29) * 0xbf58476d1ce4e5b9
	return h>>32<<32 | uint64(id)
}

// Resume lets a paused packet go on where it stopped. What it is now is for the caller to say, as in NXT_RESUME: packet
// is its bytes, and meta what it has beside them. That is PacketIn.Match, or something else in its place: in_port is
// where the packet comes in again, and registers, metadata and tunnel fields that are not there are zero.
//
// Errors: ErrStale; ErrNoSwitch; no such port or tunnel option; too many contexts; those of rules.Sender.
func (t *Table) Resume(continuation uint64, meta *flow.Match, packet []byte) error {
	id := uint32(continuation)
	f, ok := t.contexts.get(id).(*frozen)
	if !ok || t.token(id) != continuation {
		return ErrStale
	}
	if err := meta.CheckOptions(t.TunnelOptions()); err != nil {
		return err
	}
	again, own := f.with(&meta.Key)
	return t.goOn(again, uint32(meta.Key.Uint(flow.FieldInPort)), &own, packet)
}

// with returns f for a packet that has other registers, metadata and tunnel fields now, and those of the tunnel fields
// that a packet carries itself, since no action has written them.
func (f *frozen) with(meta *flow.Key) (again *frozen, own flow.Key) {
	g := *f
	for _, id := range registerFields {
		g.meta.SetBytes(id, meta.Bytes(id))
	}
	for b := flow.Tunnel; b < flow.Regs; b++ {
		g.meta[b].And(&meta[b], &f.written[b])
		for i, m := range f.written[b] {
			own[b][i] = meta[b][i] &^ m
		}
	}
	return &g, own
}

// goOn has a packet looked up that comes in by the port of an OpenFlow number, has the tunnel fields of key, and goes on
// as f says.
func (t *Table) goOn(f *frozen, inPort uint32, key *flow.Key, packet []byte) error {
	t.mu.RLock()
	sender := t.sender
	port, ok := t.portID(inPort)
	t.mu.RUnlock()
	switch {
	case sender == nil:
		return ErrNoSwitch
	case !ok:
		return fmt.Errorf("in_port: want a port of the bridge or none, found %d", inPort)
	}
	id := t.internFrozen(f, false, t.clock())
	if id == 0 {
		return errors.New(action.ContextsFull.Sentence())
	}
	var p action.Program
	p.Recirc(id)
	key.SetUint(flow.FieldInPort, uint64(port))
	return rules.InjectAs(sender, key, packet, p.Words())
}

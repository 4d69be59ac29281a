// Package trace asks a switch what it would do with a packet, and answers as `ovs-appctl ofproto/trace` does: the
// flow, each rule with its actions, what the packet becomes, the megaflow, the datapath's actions; then which cache
// would answer, and why a packet is dropped.
//
// It reads requests and writes text; the way of the packet is datapath.Switch.Trace's.
//
// Thread-safety: functions of their arguments.
package trace

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/flowcache/flow"
)

var _ = [1]struct{}{}[flow.Version-3]

// A Switch is what is asked: datapath.Switch and those that embed it.
type Switch interface {
	Ports() []datapath.PortStatus
	Trace(datapath.TraceQuery) (*datapath.Trace, error)
	Enter(port uint32, packet []byte) (l datapath.Look, ok bool, err error)
}

// Run answers q about a bridge of sw, which q may leave unnamed.
func Run(sw Switch, bridge string, options *flow.TLVMap, q api.TraceQuery) (api.TraceAnswer, error) {
	p := portsOf(sw, bridge)
	query, popped, err := p.query(sw, options, q)
	if err != nil {
		return api.TraceAnswer{}, api.Mistake("", err)
	}
	t, err := sw.Trace(query)
	if err != nil {
		return api.TraceAnswer{}, err
	}
	if !popped {
		return p.answer(bridge, t, flow.Names{Options: options}, q.Names), nil
	}
	port := p.port(uint32(query.Key.Uint(flow.FieldInPort)))
	answer := portsOf(sw, port.Bridge).answer(port.Bridge, t, flow.Names{Options: options}, q.Names)
	answer.Tunnel = port.Name
	answer.Text = fmt.Sprintf("tnl_pop(%s): the packet goes on without its outer headers, as one that came in by that port.\n\n", port.Name) + answer.Text
	return answer, nil
}

// query reads a request; popped says that its packet comes out of a tunnel.
func (p ports) query(sw Switch, options *flow.TLVMap, q api.TraceQuery) (tq datapath.TraceQuery, popped bool, err error) {
	m, err := flow.ParseMatch(q.Flow, flow.Names{Ports: p, Options: options})
	if err != nil {
		return tq, false, fmt.Errorf("flow: %w", err)
	}
	if !m.Mask.Any(flow.FieldInPort) {
		return tq, false, errors.New("flow: want in_port, the port that the packet comes in by")
	}
	id, ok := p.id(uint32(m.Key.Uint(flow.FieldInPort)))
	if !ok {
		return tq, false, fmt.Errorf("flow: in_port: want a port of the bridge (%s), found %d",
			p.list(), m.Key.Uint(flow.FieldInPort))
	}
	m.Key.SetUint(flow.FieldInPort, uint64(id))
	switch {
	case q.Packet != "" && q.Generate:
		return tq, false, errors.New("want a packet or -generate, not both")
	case q.Packet != "":
		return fromPacket(sw, &m.Key, q.Packet)
	}
	tq, err = fromFlow(sw, &m.Key, !q.Generate)
	return tq, false, err
}

// fromPacket returns the query about a packet in hexadecimal; key has what is beside it.
func fromPacket(sw Switch, beside *flow.Key, text string) (q datapath.TraceQuery, popped bool, err error) {
	q.Packet, err = hex.DecodeString(strings.Map(dropSpace, text))
	if err != nil {
		return q, false, fmt.Errorf("packet: want hexadecimal digits: %w", err)
	}
	l, ok, err := sw.Enter(uint32(beside.Uint(flow.FieldInPort)), q.Packet)
	if err != nil {
		return q, false, fmt.Errorf("packet: %w", err)
	}
	if !ok {
		return q, false, fmt.Errorf("packet: want an Ethernet header at least, found %d bytes", len(q.Packet))
	}
	q.Key = l.Key
	if l.Outer != nil { // it has come out of a tunnel, which says all that is beside it
		q.Packet = l.Packet
		return q, true, nil
	}
	keepBeside(&q.Key, beside)
	return q, false, nil
}

func dropSpace(r rune) rune {
	if strings.ContainsRune(" \t\r\n:", r) {
		return -1
	}
	return r
}

// fromFlow returns the query about a flow, with a packet made from it.
func fromFlow(sw Switch, key *flow.Key, unseen bool) (datapath.TraceQuery, error) {
	for _, tag := range [...][2]flow.FieldID{{flow.FieldVLANTCI, flow.FieldVLANTPID}, {flow.FieldVLANTCI1, flow.FieldVLANTPID1}} {
		if key.Uint(tag[0]) != 0 && key.Uint(tag[1]) == 0 {
			key.SetUint(tag[1], 0x8100) // what matches leave open
		}
	}
	q := datapath.TraceQuery{Key: *key, Packet: key.Compose(), Unseen: unseen}
	made, _, err := sw.Enter(uint32(key.Uint(flow.FieldInPort)), q.Packet)
	if err != nil {
		return q, err
	}
	// Which blocks there are is not in a flow's text.
	q.Key[flow.Base][flow.OffBlocks] = made.Key[flow.Base][flow.OffBlocks]
	keepBeside(&q.Key, key)
	return q, nil
}

// keepBeside gives key what a packet does not carry itself.
func keepBeside(key, beside *flow.Key) {
	for _, f := range [...]flow.FieldID{flow.FieldRecircID, flow.FieldDPHash, flow.FieldPktMark} {
		key.SetUint(f, beside.Uint(f))
	}
	for b := flow.Tunnel; b < flow.Blocks; b++ {
		key[b] = beside[b]
		if b < flow.FastBlocks && beside[b] != (flow.Block{}) {
			key[flow.Base][flow.OffBlocks] |= 1 << b
		}
	}
}

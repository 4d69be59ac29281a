// Package openflow is the built-in rule table: tables of rules with OpenFlow semantics as Open vSwitch
// implements them, in ovs-ofctl's syntax.
//
// It has three parts. The text part reads and writes flows ([ParseFlow], [Flow.String]). The [Table]
// keeps them, 255 tables of rules by priority, and says what changed. The translation ([Table.Lookup])
// runs a flow key through them and turns OpenFlow actions into the few operations of package action,
// recording every bit of the key it looked at.
//
// It does not see packets: what depends on more than the key (meters, the length of a packet, what is
// behind a popped label) it leaves to operations of the program, or to a second look at the packet.
//
// Translation keeps two keys: the one as the packet is after all actions so far, and the one as the
// datapath's program has made it. An output first emits the difference. So actions cost nothing that
// are overwritten or never followed by an output. In one respect it is better than OVS: bits that an
// action has written are not consulted afterwards, and a packet's own value of a field that is only
// overwritten is not consulted at all, so that routing to one next hop is one megaflow and not one for
// each address that was there before.
//
// Thread-safety: Table is safe for concurrent use; flows and actions are values that nobody changes.
//
// Sources: ovs-ofctl(8) "Flow Syntax", ovs-actions(7), ovs-fields(7); behaviour compared with Open
// vSwitch 3.1.
package openflow

import "github.com/culvertdev/culvert/flowcache/flow"

var _ = [1]struct{}{}[flow.Version-3]

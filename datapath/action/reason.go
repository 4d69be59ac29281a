package action

import "github.com/culvertdev/culvert/ring/counter"

// A Reason says why a rule table's verdict ends without an output.
type Reason uint32

// Reasons. Reasons lists their names and sentences in this order.
const (
	NoMatch Reason = iota
	ByRule
	NoPort
	NoTarget
	TTLExpired
	TooDeep
	TooManyResubmits
	TooManyActions
	BadVLAN
	VLANNotAllowed
	ReservedMAC
	PortNoReceive
	PortNoForward
	ProtectedPort
	NoInterface
	NotRouted
	NoRoute
	HostUnreachable
	Unresolved
	ACLDenied
	ToGateway
	NoBridge
	TableError
	NoRoom
	Metered
	ContextGone
	ContextsFull
	TooManyLabels
	NoGroup
	NoBucket
	StackTooDeep
	Fragment
	MirrorPort
	TooBig
	BondRefused
	BondLooped
	BondDown
	ToBond
	ToHost
	NoWay
	NoEnd
	OwnEnd
	SplitHorizon
	BadTunnel
	UnknownEnd
	RulesChanged
	NumReasons
)

// Reasons returns the counter table of the reasons above.
func Reasons() []counter.Desc {
	return []counter.Desc{
		NoMatch:          {Name: "no_match", Help: "No rule matched the packet.", Kind: counter.Drop},
		ByRule:           {Name: "rule", Help: "The rule that matched says drop.", Kind: counter.Drop},
		NoPort:           {Name: "no_port", Help: "The rule's output port does not exist.", Kind: counter.Drop},
		NoTarget:         {Name: "no_target", Help: "The actions left no port to send to but the one it came from.", Kind: counter.Drop},
		TTLExpired:       {Name: "ttl_expired", Help: "dec_ttl met a TTL or hop limit of 0 or 1.", Kind: counter.Drop},
		TooDeep:          {Name: "too_deep", Help: "Resubmits nested deeper than 64 levels.", Kind: counter.Drop},
		TooManyResubmits: {Name: "too_many_resubmits", Help: "One packet caused more than 4096 resubmits.", Kind: counter.Drop},
		TooManyActions:   {Name: "too_many_actions", Help: "The actions for one packet were longer than the cache takes.", Kind: counter.Drop},
		BadVLAN:          {Name: "bad_vlan", Help: "NORMAL met an 802.1Q header that was cut off.", Kind: counter.Drop},
		VLANNotAllowed:   {Name: "vlan_not_allowed", Help: "The packet's VLAN is not one its input port carries.", Kind: counter.Drop},
		ReservedMAC:      {Name: "reserved_mac", Help: "NORMAL does not forward link-local control addresses (01:80:c2:00:00:0x and the like).", Kind: counter.Drop},
		PortNoReceive:    {Name: "port_no_receive", Help: "The input port is set to down or no-receive.", Kind: counter.Drop},
		PortNoForward:    {Name: "port_no_forward", Help: "The output port is set to down or no-forward.", Kind: counter.Drop},
		ProtectedPort:    {Name: "protected", Help: "Protected ports do not forward to each other.", Kind: counter.Drop},
		NoInterface:      {Name: "no_interface", Help: "The packet's port and VLAN belong to no interface of the gateway.", Kind: counter.Drop},
		NotRouted:        {Name: "not_routed", Help: "The gateway does not route such packets: another protocol than IP, or link-local, loopback, broadcast or multicast addresses.", Kind: counter.Drop},
		NoRoute:          {Name: "no_route", Help: "The gateway has no route to the destination, or one that says drop.", Kind: counter.Drop},
		HostUnreachable:  {Name: "host_unreachable", Help: "The host or router that the packet had to go to does not answer.", Kind: counter.Drop},
		Unresolved:       {Name: "neighbour_unresolved", Help: "The Ethernet address of the host or router that the packet had to go to is not known yet.", Kind: counter.Drop},
		ACLDenied:        {Name: "acl", Help: "A rule of the gateway's denies the packet.", Kind: counter.Drop},
		ToGateway:        {Name: "to_gateway", Help: "The packet was for the gateway itself, which needed no more of it.", Kind: counter.Drop},
		NoBridge:         {Name: "no_bridge", Help: "The input port belongs to no bridge.", Kind: counter.Drop},
		TableError:       {Name: "table_error", Help: "The rule table could not decide; the log says why.", Kind: counter.Drop},
		NoRoom:           {Name: "lists_full", Help: "The store of action programs had no room for the packet's.", Kind: counter.Drop},
		Metered:          {Name: "meter", Help: "The packet exceeded the rate of a meter.", Kind: counter.Drop},
		ContextGone:      {Name: "context_gone", Help: "What the packet was to go on with after recirculation is not known anymore.", Kind: counter.Drop},
		ContextsFull:     {Name: "contexts_full", Help: "There were too many different states in which packets are taken up again.", Kind: counter.Drop},
		TooManyLabels:    {Name: "too_many_labels", Help: "push_mpls met a packet with three MPLS labels or more.", Kind: counter.Drop},
		NoGroup:          {Name: "no_group", Help: "The rule's group does not exist.", Kind: counter.Drop},
		NoBucket:         {Name: "no_live_bucket", Help: "No bucket of the rule's group is alive, or no member of its bundle.", Kind: counter.Drop},
		StackTooDeep:     {Name: "stack_too_deep", Help: "push met a stack of 64 KiB.", Kind: counter.Drop},
		Fragment:         {Name: "fragment", Help: "The bridge drops IP fragments (fragments: drop).", Kind: counter.Drop},
		MirrorPort:       {Name: "mirror_port", Help: "The input port is where a mirror sends to, which takes part in nothing else.", Kind: counter.Drop},
		TooBig:           {Name: "too_big", Help: "The packet is longer than the way to its destination takes, and the gateway does not cut it.", Kind: counter.Drop},
		BondRefused:      {Name: "bond_refused", Help: "The packet came by a member of a bond that takes it in by another, or by none until LACP hears a partner.", Kind: counter.Drop},
		BondLooped:       {Name: "bond_looped", Help: "The packet's source is on another port of the bridge: a balance-slb bond takes it for one that it sent itself.", Kind: counter.Drop},
		BondDown:         {Name: "bond_down", Help: "No member of the bond that the packet had to leave by carries packets.", Kind: counter.Drop},
		ToBond:           {Name: "to_bond", Help: "The packet was LACP's, for the bond itself.", Kind: counter.Drop},
		ToHost:           {Name: "to_host", Help: "The port is shared with the host's kernel, whose packet it is.", Kind: counter.Drop},
		NoWay:            {Name: "tunnel_no_way", Help: "There is no route to the other end of the tunnel, or its next hop does not answer.", Kind: counter.Drop},
		NoEnd:            {Name: "tunnel_no_end", Help: "The tunnel's other end is the flow's to say, which names none.", Kind: counter.Drop},
		OwnEnd:           {Name: "tunnel_own_end", Help: "The packet would go by a tunnel to this host's own end.", Kind: counter.Drop},
		SplitHorizon:     {Name: "tunnel_split_horizon", Help: "The packet came by a tunnel from the end that it would go back to.", Kind: counter.Drop},
		BadTunnel:        {Name: "tunnel_fields", Help: "The flow says something about the tunnel's headers that they have no room for.", Kind: counter.Drop},
		RulesChanged:     {Name: "rules_changed", Help: "The rules changed between two look-ups of the packet, and in no version of them do both stand.", Kind: counter.Drop},
		UnknownEnd:       {Name: "tunnel_unknown", Help: "Nobody knows behind which end of the overlay the destination is.", Kind: counter.Drop},
	}
}

// Package encap puts packets into tunnels and takes them out: VXLAN, GENEVE, GRE, NVGRE and ERSPAN, over IPv4 and
// IPv6, with or without a VLAN tag in the underlay.
//
// Encapsulating: the slow path turns an [Outer], all that the outer headers say, into the words of a header stack
// ([AppendStack]), which become operands of an action. A [Pusher] copies the stack into the headroom of the frames of
// a batch and patches what depends on the packet: lengths, checksums, source port, inherited bits.
//
// Decapsulating: [Tunnels] is the immutable table of the tunnels that end on an underlay port. A [Popper] finds the
// tunnel of each frame of a batch in one exact look-up, checks the outer headers, moves the start of the frame behind
// them and leaves what is to be known of them in front of it (frame.HasTunnel). Packets with outer headers that others came
// by before are told by these (familiar.go).
//
// Fragments of outer packets are put together by a [Reassembler]; [Fragment] makes them. [FragmentInner] cuts a packet
// before it goes into a tunnel.
//
// To read it in order: type.go and outer.go, what there is to say; stack.go, push.go, the way in; table.go, tunnels.go,
// entry.go, what is looked for; pop.go, with arrive.go, familiar.go, plain.go, find.go, the file of each type, verify.go and
// ecn.go, the way out; fragmentheader.go, datagram.go, reassemble.go, join.go, what came in pieces.
//
// It is not a router: next hops and addresses come from whoever builds an Outer. It knows nothing of flows, actions or
// OpenFlow.
//
// Not supported, and why: STT and LISP, which Open vSwitch had and has removed; CAPWAP, likewise; GTP-U and SRv6, which
// Open vSwitch's userspace datapath has, since their inner packets have no Ethernet header, which all of Culvert
// relies on; GENEVE, GRE and VXLAN-GPE with anything else than Ethernet inside, for the same reason.
//
// Memory: nothing here allocates per packet. Words of a stack are copied by who keeps them.
//
// Thread-safety: a Pusher, a Popper and a Reassembler belong to one goroutine each. Tunnels and Counters are shared.
package encap

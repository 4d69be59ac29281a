package encap

import "github.com/culvertdev/culvert/ring/counter"

// A Reason says why a packet did not go into or come out of a tunnel.
type Reason uint8

// Reasons. Reasons lists their names and sentences in this order.
const (
	Good Reason = iota
	BadLength
	BadHeader
	BadOptions
	BadExtension
	BadIPChecksum
	BadUDPChecksum
	NoUDPChecksum
	BadGREChecksum
	ECNLost
	Unfinished
	NoHeadroom
	TooLong
	TooBig
	NoBuffer
	BadFragment
	FragmentOverlap
	FragmentSmall
	FragmentLate
	FragmentCrowd
	NumReasons
)

// Reasons returns the counter table of the reasons above. The first counts nothing.
func Reasons() []counter.Desc {
	return []counter.Desc{
		Good:            {Name: "good", Help: "There is nothing wrong with the packet."},
		BadLength:       {Name: "tunnel_length", Help: "A tunnel packet's lengths contradict each other, or it was cut off.", Kind: counter.Drop},
		BadHeader:       {Name: "tunnel_header", Help: "A tunnel header has a version, flags or a protocol that its tunnel does not take.", Kind: counter.Drop},
		BadOptions:      {Name: "tunnel_options", Help: "The lengths of a tunnel packet's options do not add up.", Kind: counter.Drop},
		BadExtension:    {Name: "tunnel_ipv6_extension", Help: "A tunnel packet over IPv6 has an extension header that asks for what is not done here: an option that must be known, or a way still to go.", Kind: counter.Drop},
		BadIPChecksum:   {Name: "tunnel_ip_checksum", Help: "A tunnel packet's outer IPv4 checksum is wrong.", Kind: counter.Drop},
		BadUDPChecksum:  {Name: "tunnel_udp_checksum", Help: "A tunnel packet's outer UDP checksum is wrong.", Kind: counter.Drop},
		NoUDPChecksum:   {Name: "tunnel_no_udp_checksum", Help: "A tunnel packet over IPv6 has no UDP checksum, which its tunnel asks for.", Kind: counter.Drop},
		BadGREChecksum:  {Name: "tunnel_gre_checksum", Help: "A tunnel packet's GRE checksum is wrong.", Kind: counter.Drop},
		ECNLost:         {Name: "tunnel_ecn", Help: "Congestion was marked on a tunnel packet whose inner packet cannot carry the mark (RFC 6040).", Kind: counter.Drop},
		Unfinished:      {Name: "tunnel_unfinished", Help: "A tunnel packet, or one to go into a tunnel, was left to be segmented or summed up by others.", Kind: counter.Drop},
		NoHeadroom:      {Name: "tunnel_headroom", Help: "There was no room for outer headers in front of a packet: too many tunnels in tunnels.", Kind: counter.Drop},
		TooLong:         {Name: "tunnel_too_long", Help: "With outer headers a packet would be longer than 65,535 bytes.", Kind: counter.Drop},
		TooBig:          {Name: "tunnel_mtu", Help: "With outer headers a packet is longer than the underlay's MTU, and must not be cut into fragments.", Kind: counter.Drop},
		NoBuffer:        {Name: "tunnel_no_buffer", Help: "There was no free buffer for the fragments of an outer packet.", Kind: counter.Drop},
		BadFragment:     {Name: "tunnel_fragment", Help: "An outer fragment's lengths are wrong, or contradict another fragment's; the packet is given up with all of them.", Kind: counter.Drop},
		FragmentOverlap: {Name: "tunnel_fragment_overlap", Help: "Outer fragments overlap; the packet is given up with all of them (RFC 5722).", Kind: counter.Drop},
		FragmentSmall:   {Name: "tunnel_fragment_small", Help: "An outer fragment that is not the last of its packet has less than 400 bytes, or there are more than 64 of them.", Kind: counter.Drop},
		FragmentLate:    {Name: "tunnel_fragment_late", Help: "The other fragments of an outer packet did not come in time.", Kind: counter.Drop},
		FragmentCrowd:   {Name: "tunnel_fragment_crowd", Help: "An outer fragment made room for others, or found none: too many packets in fragments, from its source or in all.", Kind: counter.Drop},
	}
}

// String returns the name of r.
func (r Reason) String() string { return Reasons()[r].Name }

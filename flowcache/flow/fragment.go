package flow

// FragmentHeader reports whether an IPv6 packet has a fragment header, be it a fragment or whole. Neighbour discovery in such packets
// is to be ignored (RFC 6980 section 5). It adds to uses what it looked at.
func (k *Key) FragmentHeader(uses *Mask) bool {
	const any = FragAny | FragAtomic // a later fragment is any
	uses[Base][OffIPFrag] |= any
	return k[Base][OffIPFrag]&any != 0
}

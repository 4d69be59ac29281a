package bond

// Way is how a packet goes out.
type Way uint8

// Ways.
const (
	Nowhere  Way = iota // no member carries packets
	ByActive            // by the active member
	BySource            // by the bucket of its source address and VLAN
	ByHash              // by the bucket of its addresses and ports
)

// Way returns how packets go out now.
func (b *Bond) Way() Way {
	mode := b.cfg.Mode
	switch {
	case b.status == LACPConfigured && !b.cfg.FallbackAB:
		return Nowhere
	case b.status == LACPConfigured:
		return ByActive
	case mode == BalanceTCP && b.status != LACPNegotiated:
		return Nowhere
	}
	return [...]Way{ActiveBackup: ByActive, BalanceSLB: BySource, BalanceTCP: ByHash}[mode]
}

// Active returns the port of the active member, None if there is none.
func (b *Bond) Active() uint32 { return portOf(b.active) }

// Bucket returns the port that a bucket's packets go out by, None if there is none.
func (b *Bond) Bucket(bucket uint8) uint32 { return portOf(b.buckets[bucket]) }

func portOf(m *member) uint32 {
	if m == nil {
		return None
	}
	return m.ID
}

// SourceBucket returns the bucket of a source address in a VLAN.
func (b *Bond) SourceBucket(mac [6]byte, vlan uint16) uint8 {
	v := uint64(b.cfg.HashBasis)
	for _, part := range [...]uint64{
		uint64(mac[0])<<40 | uint64(mac[1])<<32 | uint64(mac[2])<<24 | uint64(mac[3])<<16 | uint64(mac[4])<<8 | uint64(mac[5]), uint64(vlan),
	} {
		// The last step of splitmix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
		v = (v ^ part) + 0x9e3779b97f4a7c15
		v = (v ^ v>>30) * 0xbf58476d1ce4e5b9
		v = (v ^ v>>27) * 0x94d049bb133111eb
		v ^= v >> 31
	}
	return uint8(v)
}

// Admission is what becomes of a packet that comes in.
type Admission uint8

// Values of Admission.
const (
	Refused         Admission = iota
	Accepted                  // without conditions
	UnlessElsewhere           // unless its source is known to be on another port of the bridge
)

// Admit says whether a packet is let in by a member's port (ovs-actions(7), "The OVS Normal Pipeline", steps 6 and 7).
func (b *Bond) Admit(port uint32, multicast bool) Admission {
	m := b.byID[port]
	if m == nil {
		return Refused
	}
	switch b.status {
	case LACPNegotiated:
		// Who speaks LACP knows that the links are one, and sends to each what it likes.
		if m.enabled || b.mayEnable(m) {
			return Accepted
		}
		return Refused
	case LACPConfigured:
		if !b.cfg.FallbackAB {
			return Refused
		}
	}
	if multicast && m != b.active && !b.cfg.AllMembersActive {
		return Refused // it has come by the active member as well
	}
	if b.cfg.Mode == BalanceSLB {
		return UnlessElsewhere
	}
	if m != b.active {
		return Refused
	}
	return Accepted
}

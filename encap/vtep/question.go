package vtep

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
)

// Kind says what a question is about.
type Kind uint8

// Kinds of questions.
const (
	ByMAC Kind = iota + 1 // behind which end is this Ethernet address
	ByIP                  // who has this address: its Ethernet address and its end (ARP and ND suppression)
	Flood                 // which ends get what goes to all: broadcast, multicast, and unknown if so configured
)

// A Question names what somebody wants to know. Questions are comparable and hold no pointers.
type Question struct {
	VNI  uint32 // the virtual network: 24 bits of VXLAN and GENEVE, 32 of GRE
	Kind Kind
	is4  bool     // ByIP: an IPv4 address
	addr [16]byte // the MAC in the first 6 bytes, or the address as netip.Addr.As16 has it
}

// ForMAC returns the question for an Ethernet address. Of a group address it is the one for all.
func ForMAC(vni uint32, mac [6]byte) Question {
	if mac[0]&1 != 0 {
		return ForFlood(vni)
	}
	q := Question{VNI: vni, Kind: ByMAC}
	copy(q.addr[:], mac[:])
	return q
}

// ForIP returns the question for an address of a guest. An IPv4-mapped IPv6 address is taken as IPv4, and a
// zone is left out.
func ForIP(vni uint32, addr netip.Addr) Question {
	addr = addr.Unmap()
	return Question{VNI: vni, Kind: ByIP, is4: addr.Is4(), addr: addr.As16()}
}

// ForFlood returns the question for the ends that get what goes to all.
func ForFlood(vni uint32) Question { return Question{VNI: vni, Kind: Flood} }

// MAC returns the Ethernet address that a question of kind ByMAC is about.
func (q Question) MAC() (mac [6]byte) {
	copy(mac[:], q.addr[:])
	return mac
}

// IP returns the address that a question of kind ByIP is about.
func (q Question) IP() netip.Addr {
	addr := netip.AddrFrom16(q.addr)
	if q.is4 {
		return addr.Unmap()
	}
	return addr
}

// String returns the question for people: "vni 7 mac 02:00:00:00:00:01", "vni 7 ip 10.0.0.1", "vni 7 flood".
func (q Question) String() string {
	switch q.Kind {
	case ByMAC:
		return fmt.Sprintf("vni %d mac %v", q.VNI, net.HardwareAddr(q.addr[:6]))
	case ByIP:
		return fmt.Sprintf("vni %d ip %v", q.VNI, q.IP())
	}
	return fmt.Sprintf("vni %d flood", q.VNI)
}

// hash returns a number for q that nobody can foresee who does not know the seed: guests choose addresses.
func (q *Question) hash(seed uint64) uint64 {
	h := seed ^ uint64(q.VNI)<<8 ^ uint64(q.Kind)
	for i := 0; i < len(q.addr); i += 8 {
		h = (h ^ binary.LittleEndian.Uint64(q.addr[i:])) * 0x9e3779b97f4a7c15
		h ^= h >> 29
	}
	return h
}

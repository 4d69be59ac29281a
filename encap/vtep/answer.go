package vtep

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Bounds of an answer.
const (
	MaxEnds = 512 // ends in one answer
	MaxLife = 7 * 24 * time.Hour
)

// An End is where a tunnel to a guest leads.
type End struct {
	Addr netip.Addr // outer destination; an IP multicast group in answers to Flood
	Port uint16     // UDP destination port; 0: as the encapsulation has it
	Key  uint32     // VNI or key on the wire
}

// String returns the end for people: "192.0.2.1", or "192.0.2.1 port 4789"; the key is not in it.
func (e End) String() string {
	if e.Port == 0 {
		return e.Addr.String()
	}
	return fmt.Sprintf("%v port %d", e.Addr, e.Port)
}

// An Answer is what a plug-in says to a question. The zero value says that there is none.
type Answer struct {
	// Ends are where to send: one in answers to ByMAC and ByIP, any number in those to Flood. None: there is
	// nobody. The slice is not changed after it was handed over, by either side.
	Ends []End
	MAC  [6]byte // ByIP: the Ethernet address of the guest that has the address
	// Life is how long the answer holds. It is asked for again after that, and serves until the new one is
	// there. 0: as long as the profile allows.
	Life time.Duration
}

// None says that the plug-in knows of nobody.
func (a *Answer) None() bool { return len(a.Ends) == 0 }

// Equal says whether two answers send packets the same way.
func (a *Answer) Equal(b *Answer) bool { return a.MAC == b.MAC && slices.Equal(a.Ends, b.Ends) }

// Has says whether one of the ends is at addr.
func (a *Answer) Has(addr netip.Addr) bool {
	return slices.ContainsFunc(a.Ends, func(e End) bool { return e.Addr == addr })
}

// What is wrong with an answer.
var (
	errManyEnds = fmt.Errorf("more than %d ends", MaxEnds)
	errOneEnd   = errors.New("more than one end for one guest")
	errEndAddr  = errors.New("an end's address is not one to send to")
	errGroup    = errors.New("a group address as the address of one guest")
	errLife     = fmt.Errorf("a life that is negative or longer than %v", MaxLife)
)

// Check returns what is wrong with a as the answer to q, or nil. Plug-ins need not call it: a Directory does.
func (a *Answer) Check(q Question) error {
	switch {
	case len(a.Ends) > MaxEnds:
		return errManyEnds
	case q.Kind != Flood && len(a.Ends) > 1:
		return errOneEnd
	case q.Kind == ByIP && !a.None() && (a.MAC[0]&1 != 0 || a.MAC == [6]byte{}):
		return errGroup
	case a.Life < 0 || a.Life > MaxLife:
		return errLife
	}
	for _, e := range a.Ends {
		if !usable(e.Addr) || q.Kind != Flood && e.Addr.IsMulticast() {
			return errEndAddr
		}
	}
	return nil
}

// usable says whether packets can be sent to addr at all. Loopback is none: an answer must not lead back
// into the host.
func usable(addr netip.Addr) bool {
	return addr.IsValid() && addr.Zone() == "" && !addr.Is4In6() && !addr.IsUnspecified() && !addr.IsLoopback() &&
		addr != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

package lacp

import (
	"encoding/binary"
	"strings"
)

// EtherType is that of the slow protocols, and Destination the address that their frames go to, which switches do not
// forward (IEEE 802.3-2018, annex 57A).
const EtherType = 0x8809

// Destination is the address that LACPDUs go to.
var Destination = [6]byte{0x01, 0x80, 0xc2, 0x00, 0x00, 0x02}

// A State is what one end says of a link (IEEE 802.1AX-2014, 6.4.2.3, Actor_State).
type State uint8

// Bits of a State.
const (
	Activity     State = 1 << iota // it sends on its own
	Timeout                        // it wants to hear every second, not every 30
	Aggregation                    // the link may be used with others
	Sync                           // it has the right aggregator
	Collecting                     // what comes in by it is taken
	Distributing                   // it may be sent to
	Defaulted                      // the other end was never heard, or not for long
	Expired                        // the other end was not heard in time
)

// stateWords are the bits' names as ovs-appctl lacp/show has them.
var stateWords = [8]string{"activity", "timeout", "aggregation", "synchronized", "collecting", "distributing", "defaulted", "expired"}

// String returns the names of the bits that are set.
func (s State) String() string {
	var words []string
	for i, w := range stateWords {
		if s>>i&1 != 0 {
			words = append(words, w)
		}
	}
	return strings.Join(words, " ")
}

// An Info is what one end of a link says who it is.
type Info struct {
	SystemPriority uint16 // the less, the more it has to say
	System         [6]byte
	Key            uint16 // links with the same can be used together
	PortPriority   uint16
	Port           uint16
	State          State
}

// A PDU is a message of the protocol.
type PDU struct {
	Actor   Info // the end that sends it
	Partner Info // what that knows of the other end
}

// Layout of a LACPDU behind the Ethernet header (IEEE 802.1AX-2014, figure 6-7). All numbers are big-endian.
const (
	Size = 110 // bytes

	subtype = 1 // LACP's of the slow protocols
	version = 1

	offActor     = 2  // TLV: type, length, then an Info and 3 reserved bytes
	offPartner   = 22 // likewise
	offCollector = 42
	infoSize     = 20 // bytes of a TLV with an Info

	typeActor, typePartner, typeCollector = 1, 2, 3
	collectorSize                         = 16
)

// Parse reads a LACPDU, what is behind the Ethernet header. ok is false if it is none: cut short, another slow
// protocol, or TLVs that are not where they belong. Later versions and what follows is not looked at
// (IEEE 802.1AX-2014, 6.4.2.3).
func Parse(b []byte) (p PDU, ok bool) {
	if len(b) < Size || b[0] != subtype || b[1] < version ||
		b[offActor] != typeActor || b[offActor+1] != infoSize || b[offPartner] != typePartner || b[offPartner+1] != infoSize {
		return p, false
	}
	return PDU{Actor: parseInfo(b[offActor+2:]), Partner: parseInfo(b[offPartner+2:])}, true
}

func parseInfo(b []byte) Info {
	return Info{
		SystemPriority: binary.BigEndian.Uint16(b), System: [6]byte(b[2:8]), Key: binary.BigEndian.Uint16(b[8:]),
		PortPriority: binary.BigEndian.Uint16(b[10:]), Port: binary.BigEndian.Uint16(b[12:]), State: State(b[14]),
	}
}

// Append appends the message as it stands behind an Ethernet header: Size bytes.
func (p *PDU) Append(b []byte) []byte {
	end := len(b) + Size
	b = append(b, subtype, version, typeActor, infoSize)
	b = p.Actor.append(b)
	b = append(b, typePartner, infoSize)
	b = p.Partner.append(b)
	b = append(b, typeCollector, collectorSize)
	for len(b) < end { // no delay, the terminator, and what is reserved are zero
		b = append(b, 0)
	}
	return b
}

func (i *Info) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, i.SystemPriority)
	b = append(b, i.System[:]...)
	b = binary.BigEndian.AppendUint16(b, i.Key)
	b = binary.BigEndian.AppendUint16(b, i.PortPriority)
	b = binary.BigEndian.AppendUint16(b, i.Port)
	return append(b, byte(i.State), 0, 0, 0)
}

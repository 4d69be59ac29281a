package rules

import (
	"errors"

	"github.com/culvertdev/culvert/datapath/meter"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// What the switch lends to tables that ask for it. It does so before SetPorts is called first, and takes
// it back, with nil, when it has done with the table.

// A MeterUser is a Table whose programs use action.OpMeter. The switch has one store; a table adds its
// meters there and, when it is given nil, has removed them from the store it was given before.
type MeterUser interface {
	SetMeters(*meter.Store)
}

// A SenderUser is a Table that sends packets of its own: those a controller gives it, those it goes on with.
type SenderUser interface {
	SetSender(Sender)
}

// ErrBusy is returned by Sender.Inject when as many packets wait for the workers as may.
var ErrBusy = errors.New("as many packets wait to be sent as there is room for")

// A Sender executes programs over packets that a table brings.
//
// Thread-safety: safe for any goroutine, Table.Lookup and Receiver.Receive included.
type Sender interface {
	// Inject executes program, in the words of action.Program.Words, over a copy of packet as if it had
	// come in by a datapath port, soon after it returns. Packets of one caller go in the order of its
	// calls. Port 0 is none: such a packet was sent by a controller, and what recirculates of it is
	// looked up in the table the Sender was lent to, with an in_port that no port has.
	//
	// packet has a whole Ethernet header and may be longer than a buffer; neither slice is kept. The
	// packet is counted nowhere but in what the program does with it: what the table credits is its
	// business.
	//
	// Errors: ErrBusy; the switch is closed; there is no such port; the packet is too short or too long;
	// the program is not one.
	Inject(port uint32, packet []byte, program []uint64) error
}

// A TunnelSender is a Sender that packets can be given back to with what is known of the tunnel they came out of. The
// switch lends one.
type TunnelSender interface {
	Sender
	// InjectAs is Inject for a packet with a key: it comes in by the datapath port that is the key's in_port, and
	// has the key's tunnel fields when it is looked up again.
	InjectAs(key *flow.Key, packet []byte, program []uint64) error
}

// InjectAs gives s a packet with a key, and the tunnel fields of that if s takes them.
func InjectAs(s Sender, key *flow.Key, packet []byte, program []uint64) error {
	if t, ok := s.(TunnelSender); ok {
		return t.InjectAs(key, packet, program)
	}
	return s.Inject(uint32(key.Uint(flow.FieldInPort)), packet, program)
}

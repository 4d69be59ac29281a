// Package plugin is the protocol between the switch and look-up plug-ins in processes of their own, and what
// such a plug-in needs that is written in Go. docs/vtep.md describes the protocol.
//
// A plug-in listens on a unix socket. Each side sends messages, one JSON object on a line each. The switch
// begins with hello, the plug-in answers with its own; after that both send when they have something to say.
package plugin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// Version is the version of the protocol.
const Version = 1

// MaxMessage is the most bytes of a message, its newline included.
const MaxMessage = 64 << 10

// Types of messages. The switch sends hello, ask, learn, announce, withdraw, shoot and ping; a plug-in sends
// hello, answer, invalidate, recovered and pong.
const (
	Hello      = "hello"
	Ask        = "ask"
	Learn      = "learn"
	Announce   = "announce"
	Withdraw   = "withdraw"
	Shoot      = "shoot"
	Ping       = "ping"
	Answer     = "answer"
	Invalidate = "invalidate"
	Recovered  = "recovered"
	Pong       = "pong"
)

// A Message is any of them. Each type uses some of the fields; the others are not sent.
type Message struct {
	Type    string       `json:"type"`
	Version int          `json:"version,omitempty"` // hello
	Name    string       `json:"name,omitempty"`    // hello: who speaks
	Self    []netip.Addr `json:"self,omitempty"`    // hello of the switch: its own ends
	Learns  bool         `json:"learns,omitempty"`  // hello of a plug-in: it wants learn

	// What it is about: a MAC, or else an IP address (with the MAC of who has it in answers), or else all.
	VNI   uint32     `json:"vni,omitempty"`
	MAC   MAC        `json:"mac,omitzero"`
	IP    netip.Addr `json:"ip,omitzero"`
	Flood bool       `json:"flood,omitempty"`

	Ends []End `json:"ends,omitempty"` // answer; none: nobody. learn, announce, withdraw: one
	Life int64 `json:"life,omitempty"` // answer: seconds that it holds; 0: as the switch likes

	Net bool       `json:"net,omitempty"` // invalidate: all answers of the VNI
	All bool       `json:"all,omitempty"` // invalidate: all answers
	End netip.Addr `json:"end,omitzero"`  // invalidate: only answers that lead there. shoot: where the guest is not
	To  netip.Addr `json:"to,omitzero"`   // shoot: the host that is to hear of it

	Down bool   `json:"down,omitempty"` // hello of a plug-in, pong: it cannot answer
	Text string `json:"text,omitempty"` // hello of a plug-in, pong: why not, or whom it talks to
}

// An End is where a tunnel leads.
type End struct {
	Addr netip.Addr `json:"addr"`
	Port uint16     `json:"port,omitempty"` // 0: as the encapsulation has it
	Key  *uint32    `json:"key,omitempty"`  // nil: the VNI
}

// A MAC is an Ethernet address, in JSON "02:00:00:00:00:01".
type MAC [6]byte

// MarshalText implements encoding.TextMarshaler.
func (m MAC) MarshalText() ([]byte, error) { return []byte(net.HardwareAddr(m[:]).String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *MAC) UnmarshalText(text []byte) error {
	hw, err := net.ParseMAC(string(text))
	if err != nil || len(hw) != len(m) {
		return fmt.Errorf("%.20q is not an Ethernet address", text)
	}
	copy(m[:], hw)
	return nil
}

// ErrMessage is that a line is no message.
var ErrMessage = errors.New("not a message")

// What is wrong with a message.
var (
	errLong     = fmt.Errorf("%w: more than %d bytes", ErrMessage, MaxMessage)
	errNoType   = fmt.Errorf("%w: it has no type", ErrMessage)
	errQuestion = errors.New("neither mac nor ip nor flood")
	errOneEnd   = errors.New("a guest without exactly one end")
	errLife     = errors.New("a life that is negative or too long")
)

// Encode returns m as a line.
func (m *Message) Encode() ([]byte, error) {
	line, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	if len(line) >= MaxMessage {
		return nil, errLong
	}
	return append(line, '\n'), nil
}

// Decode reads a line; what is wrong with it wraps ErrMessage. Fields that it does not know are passed over, so that later
// versions may have more.
func Decode(line []byte) (*Message, error) {
	if len(line) > MaxMessage {
		return nil, errLong
	}
	m := &Message{}
	if err := json.Unmarshal(line, m); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	if m.Type == "" {
		return nil, errNoType
	}
	return m, nil
}

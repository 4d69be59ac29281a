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
	"time"

	"github.com/culvertdev/culvert/encap/vtep"
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

// Decode reads a line; what is wrong with it wraps ErrMessage. Fields that it does not know are passed over, so that later versions may have more.
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

// Question returns what an ask, an answer, or an invalidate of one answer is about.
func (m *Message) Question() (vtep.Question, error) {
	switch {
	case m.Flood:
		return vtep.ForFlood(m.VNI), nil
	case m.IP.IsValid():
		return vtep.ForIP(m.VNI, m.IP), nil
	case m.MAC != MAC{}:
		return vtep.ForMAC(m.VNI, m.MAC), nil
	}
	return vtep.Question{}, errQuestion
}

// SetQuestion makes m be about q.
func (m *Message) SetQuestion(q vtep.Question) {
	m.VNI = q.VNI
	switch q.Kind {
	case vtep.ByMAC:
		m.MAC = q.MAC()
	case vtep.ByIP:
		m.IP = q.IP()
	case vtep.Flood:
		m.Flood = true
	}
}

// Answer returns what an answer says.
func (m *Message) Answer() (vtep.Answer, error) {
	a := vtep.Answer{Ends: m.ends()}
	if m.Life < 0 || m.Life > int64(vtep.MaxLife/time.Second) {
		return a, errLife
	}
	a.Life = time.Duration(m.Life) * time.Second
	if m.IP.IsValid() && !m.Flood {
		a.MAC = m.MAC
	}
	return a, nil
}

// SetAnswer makes m say a. A life is rounded up to whole seconds.
func (m *Message) SetAnswer(a *vtep.Answer) {
	for _, e := range a.Ends {
		m.Ends = append(m.Ends, m.fromEnd(e))
	}
	if m.IP.IsValid() {
		m.MAC = a.MAC
	}
	m.Life = int64((a.Life + time.Second - 1) / time.Second)
}

// Scope returns what an invalidate is about.
func (m *Message) Scope() (vtep.Scope, error) {
	s := vtep.Scope{End: m.End.Unmap()}
	switch {
	case m.All:
		s.What = vtep.Everything
		return s, nil
	case m.Net:
		s.What, s.Question.VNI = vtep.Net, m.VNI
		return s, nil
	}
	var err error
	s.Question, err = m.Question()
	return s, err
}

// SetScope makes m be about s.
func (m *Message) SetScope(s vtep.Scope) {
	m.End = s.End
	switch s.What {
	case vtep.Everything:
		m.All = true
	case vtep.Net:
		m.Net, m.VNI = true, s.Question.VNI
	default:
		m.SetQuestion(s.Question)
	}
}

// Guest returns whom a learn, announce or withdraw is about.
func (m *Message) Guest() (vtep.Guest, error) {
	if len(m.Ends) != 1 || m.MAC == (MAC{}) {
		return vtep.Guest{}, errOneEnd
	}
	return vtep.Guest{VNI: m.VNI, MAC: m.MAC, IP: m.IP.Unmap(), End: m.ends()[0]}, nil
}

// SetGuest makes m be about g.
func (m *Message) SetGuest(g vtep.Guest) {
	m.VNI, m.MAC, m.IP = g.VNI, g.MAC, g.IP
	m.Ends = []End{m.fromEnd(g.End)}
}

func (m *Message) ends() []vtep.End {
	var list []vtep.End
	for _, e := range m.Ends {
		to := vtep.End{Addr: e.Addr.Unmap(), Port: e.Port, Key: m.VNI}
		if e.Key != nil {
			to.Key = *e.Key
		}
		list = append(list, to)
	}
	return list
}

func (m *Message) fromEnd(e vtep.End) End {
	end := End{Addr: e.Addr, Port: e.Port}
	if e.Key != m.VNI {
		end.Key = &e.Key
	}
	return end
}

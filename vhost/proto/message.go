package proto

import "fmt"

// A Message is one request or reply as it was received. Its payload has the type that belongs to the request, and as
// many descriptors came with it as belong to that: [Conn.Receive] returns no other.
//
// Memory: the message owns its descriptors until they are taken. Close it when done with it.
// Thread-safety: one goroutine at a time.
type Message struct {
	Request   Request
	NeedReply bool    // the sender waits for a yes or no (REPLY_ACK)
	Payload   Payload // nil where the request has none
	files     files
	bin       *Bin // that closes them
}

// HasReply reports whether the message is answered by a reply of its own ([Conn.Reply]), as opposed to the yes or no
// ([Conn.Acknowledge]) that REPLY_ACK adds to all others.
func (m *Message) HasReply() bool { return specs[m.Request].replies(m.Payload) }

// Files returns how many descriptors the message came with.
func (m *Message) Files() int { return len(m.files) }

// Take hands descriptor i over to the caller, who closes it; -1 when the message has none, or it was taken before.
func (m *Message) Take(i int) (fd int) {
	if i < 0 || i >= len(m.files) {
		return -1
	}
	fd, m.files[i] = m.files[i], -1
	return fd
}

// Close closes the descriptors that were not taken.
func (m *Message) Close() { m.files.close(m.bin) }

// String returns the message for logs.
func (m *Message) String() string {
	s := m.Request.String()
	if m.Payload != nil {
		s += fmt.Sprintf(" %+v", m.Payload)
	}
	if n := len(m.files); n > 0 {
		s += fmt.Sprintf(" with %d descriptors", n)
	}
	return s
}

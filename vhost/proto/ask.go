package proto

import (
	"fmt"
	"time"
)

// Tell sends a request. When it has no reply of its own the answer is the yes or no of REPLY_ACK, if that was
// negotiated; when it has one, that must be a number, 0 for yes. ErrRefused means no. fds stay the caller's:
// the other side gets copies.
func (c *Conn) Tell(r Request, p Payload, fds ...int) error {
	h := header{request: r.number(), flags: version}
	replies := specs[r].replies(p)
	if c.acks && !replies {
		h.flags |= flagNeedReply
	}
	if err := c.send(h, p, fds); err != nil {
		return fmt.Errorf("send %s: %w", r, err)
	}
	if !c.acks && !replies {
		return nil
	}
	m, err := c.answer(r)
	if err != nil {
		return err
	}
	defer m.Close()
	if n, _ := m.Payload.(U64); n != 0 { // without a payload: yes
		return fmt.Errorf("%s: %w (%d)", r, ErrRefused, n)
	}
	return nil
}

// Ask sends a request that has a reply of its own and waits for it. The caller closes the reply. fds stay the
// caller's.
func (c *Conn) Ask(r Request, p Payload, fds ...int) (*Message, error) {
	if err := c.send(header{request: r.number(), flags: version}, p, fds); err != nil {
		return nil, fmt.Errorf("send %s: %w", r, err)
	}
	return c.answer(r)
}

// AskNumber is Ask for requests without payload whose reply is one number.
func (c *Conn) AskNumber(r Request) (uint64, error) {
	m, err := c.Ask(r, nil)
	if err != nil {
		return 0, err
	}
	defer m.Close()
	n, ok := m.Payload.(U64)
	if !ok {
		return 0, fmt.Errorf("reply to %s: %w", r, ErrNotTheReply)
	}
	return uint64(n), nil
}

// answer waits for the reply to r.
func (c *Conn) answer(r Request) (*Message, error) {
	if err := c.sock.SetReadDeadline(time.Now().Add(c.timeout)); err != nil {
		return nil, err
	}
	m, err := c.receive(r)
	if err != nil {
		return nil, fmt.Errorf("reply to %s: %w", r, err)
	}
	return m, nil
}

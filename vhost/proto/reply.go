package proto

import "fmt"

// Reply answers m, a request that has a reply of its own. fds stay the caller's: the other side gets copies.
func (c *Conn) Reply(m *Message, p Payload, fds ...int) error {
	return c.reply(m.Request.number(), p, fds)
}

// Acknowledge says yes, or no if err is not nil, to the sender of m if it waits for that. It does nothing for a
// request that has a reply of its own.
func (c *Conn) Acknowledge(m *Message, err error) error {
	if !m.NeedReply || m.HasReply() {
		return nil
	}
	answer := U64(0)
	if err != nil {
		answer = 1
	}
	return c.reply(m.Request.number(), answer, nil)
}

// Refuse says no to the sender of a faulty message. It returns f when that cannot be said, since the message was not
// read to its end or its sender does not wait for an answer: then the connection has to be closed.
func (c *Conn) Refuse(f *Fault) error {
	if !f.Whole || !f.NeedReply {
		return f
	}
	return c.reply(f.number, U64(1), nil)
}

func (c *Conn) reply(number uint32, p Payload, fds []int) error {
	if err := c.send(header{request: number, flags: version | flagReply}, p, fds); err != nil {
		return fmt.Errorf("send a reply: %w", err)
	}
	return nil
}

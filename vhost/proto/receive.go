package proto

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// Receive waits for the next request, for ever. The caller closes the message. io.EOF means that the other side has
// closed the connection between two messages. A *[Fault] is a message that is not as it should be; when it is
// Whole the caller may go on after [Conn.Refuse]. After any other error the connection is of no use.
func (c *Conn) Receive() (*Message, error) { return c.ReceiveBy(time.Time{}) }

// ReceiveBy is Receive that waits until a deadline only: then it returns os.ErrDeadlineExceeded. The zero time is none.
func (c *Conn) ReceiveBy(deadline time.Time) (*Message, error) {
	if err := c.sock.SetReadDeadline(deadline); err != nil {
		return nil, err
	}
	return c.receive(0)
}

// receive reads one request or, with asked, the reply to that. The first byte may come as late as the deadline that is
// set allows, the rest within the connection's timeout.
func (c *Conn) receive(asked Request) (m *Message, err error) {
	var got files
	defer func() {
		if err != nil {
			got.close(c.bin)
		}
	}()
	head := c.in[:headerSize]
	if err := c.read(head, &got); err != nil {
		return nil, err
	}
	h := parseHeader(head)
	if err := h.frame(); err != nil {
		return nil, c.fault(h, err, false)
	}
	body := c.in[:h.size]
	if err := c.read(body, &got); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	if m, err = c.parse(h, body, got, asked); err != nil {
		return nil, c.fault(h, err, true)
	}
	return m, nil
}

// read fills b and adds the descriptors that come with it to got.
func (c *Conn) read(b []byte, got *files) error {
	for n := 0; n < len(b); {
		k, control, flags, err := readSock(c.sock, b[n:], c.control)
		if wrong := got.gather(c.control[:control], flags); err == nil {
			err = wrong
		}
		if errors.Is(err, io.EOF) {
			return endedAt(n)
		}
		if err == nil && n == 0 {
			err = c.sock.SetReadDeadline(time.Now().Add(c.timeout))
		}
		if err != nil {
			return err
		}
		n += k
	}
	return nil
}

// endedAt is the error of a connection that was closed n bytes into what was to be read.
func endedAt(n int) error {
	if n == 0 {
		return io.EOF
	}
	return io.ErrUnexpectedEOF
}

// parse makes a message of what was received. got stays the caller's if it fails.
func (c *Conn) parse(h header, body []byte, got files, asked Request) (*Message, error) {
	r := c.request(h)
	if err := h.check(asked != 0); err != nil {
		return nil, err
	}
	s, ok := specs[r]
	if !ok {
		return nil, ErrUnknown
	}
	decode, count := s.payload, s.files
	if asked != 0 {
		if r != asked {
			return nil, fmt.Errorf("%w: %s was", ErrNotTheReply, asked)
		}
		decode, count = s.reply, s.gives
	}
	p, err := decode(body)
	if err != nil {
		return nil, err
	}
	if err := count.in(p, len(got)); err != nil {
		return nil, err
	}
	return &Message{Request: r, NeedReply: h.flags&flagNeedReply != 0, Payload: p, files: got, bin: c.bin}, nil
}

// request returns what the number in h stands for on this channel.
func (c *Conn) request(h header) Request {
	r := Request(h.request)
	if c.backend && r < backendBase {
		r += backendBase
	} else if r >= backendBase {
		r = noRequest
	}
	return r
}

// fault describes the message behind h, which err is wrong with.
func (c *Conn) fault(h header, err error, whole bool) *Fault {
	return &Fault{Request: c.request(h), NeedReply: h.flags&flagNeedReply != 0, Whole: whole, number: h.request, err: err}
}

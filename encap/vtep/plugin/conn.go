package plugin

import (
	"bufio"
	"errors"
	"net"
	"sync"
	"time"
)

// WriteTime is how long the other side may take to read what is written. One that takes longer is cut off.
const WriteTime = 5 * time.Second

// A Conn is one end of a connection.
//
// Thread-safety: Send and Close may be called by anybody, Receive by one goroutine.
type Conn struct {
	net   net.Conn
	lines *bufio.Scanner
	mu    sync.Mutex // writing
}

// NewConn returns an end of the connection c, which it owns.
func NewConn(c net.Conn) *Conn {
	s := bufio.NewScanner(c)
	s.Buffer(make([]byte, 0, 4096), MaxMessage)
	return &Conn{net: c, lines: s}
}

// Send sends a message, waiting for the other side to read up to WriteTime. After an error nothing more can
// be sent: the connection is closed.
func (c *Conn) Send(m *Message) error {
	line, err := m.Encode()
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.net.SetWriteDeadline(time.Now().Add(WriteTime)); err != nil {
		return err
	}
	if _, err := c.net.Write(line); err != nil {
		_ = c.net.Close() // half a line may be out
		return err
	}
	return nil
}

// Receive returns the next message. After an error there is none.
func (c *Conn) Receive() (*Message, error) {
	if !c.lines.Scan() {
		switch err := c.lines.Err(); {
		case errors.Is(err, bufio.ErrTooLong):
			return nil, errLong
		case err != nil:
			return nil, err
		}
		return nil, errEnded
	}
	return Decode(c.lines.Bytes())
}

// errEnded is the other side's end.
var errEnded = errors.New("the other side has closed the connection")

// Close ends the connection.
func (c *Conn) Close() error { return c.net.Close() }

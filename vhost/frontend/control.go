package frontend

import (
	"errors"
	"fmt"
	"time"

	"github.com/culvertdev/culvert/vhost/proto"
)

// errNoSession is returned by what needs one.
var errNoSession = errors.New("there is no session with a back end")

// A call is something to do with the session's connection, between two messages.
type call struct {
	run  func(*session) error
	done chan error
}

// do runs f on the session's goroutine and returns what it returns.
func (p *Port) do(f func(*session) error) error {
	c := &call{f, make(chan error, 1)}
	deadline := time.NewTimer(proto.DefaultTimeout)
	defer deadline.Stop()
	select {
	case p.calls <- c:
		return <-c.done
	case <-p.ended:
	case <-deadline.C:
	}
	return errNoSession
}

// Enable switches queue pair i on or off at the back end, as a guest does that uses fewer queues than it has. It lasts
// until the session ends, and waits for one that is just beginning.
func (p *Port) Enable(i int, on bool) error {
	if i < 0 || i >= p.o.Queues {
		return fmt.Errorf("queue pair %d of %d", i, p.o.Queues)
	}
	return p.do(func(s *session) error { return s.enable(s.rings()[2*i:2*i+2], on) })
}

// Announce has the back end tell the network where the port's address is now (SEND_RARP), as after a migration.
func (p *Port) Announce() error {
	if len(p.o.MAC) != len(proto.MAC{}) {
		return errors.New("announce: the port has no address")
	}
	return p.do(func(s *session) error {
		if !s.protocol.Has(proto.PRARP) {
			return errors.New("announce: the back end cannot")
		}
		return s.conn.Tell(proto.SendRARP, proto.MAC(p.o.MAC))
	})
}

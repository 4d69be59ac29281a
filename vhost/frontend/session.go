package frontend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/proto"
)

// Pauses between attempts to get a session.
const (
	firstPause   = 20 * time.Millisecond
	longestPause = time.Second
)

// stopTimeout is how long a back end may take to stop the rings of a session that ends, before it is left alone.
const stopTimeout = time.Second

// keepFor is how many sessions in a row may come to nothing before rings that outlive them are given up: a back end that
// does not get along with what its predecessor left would never have a link.
const keepFor = 3

// run has one session after the other, until ctx ends.
func (p *Port) run(ctx context.Context) {
	defer close(p.ended)
	pause := firstPause
	for {
		linked, err := p.session(ctx)
		if ctx.Err() != nil {
			return
		}
		p.report(linked, err)
		if linked {
			pause = firstPause
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, longestPause)
	}
}

// report tells how a session ended. That there is nobody to connect to is told once.
func (p *Port) report(linked bool, err error) {
	last := p.State().Last
	p.set(func(s *State) { s.Last = err })
	switch {
	case linked:
		p.log.Warn("back end gone", "reason", err)
	case last == nil || last.Error() != err.Error():
		p.log.Info("no session with a back end", "reason", err)
	}
}

// A session is what the port has with one back end, from the first message to the last.
type session struct {
	*Port
	conn     *proto.Conn
	features proto.Features
	protocol proto.ProtocolFeatures
	back     *proto.Conn // the channel on which the back end asks; nil when there is none
	handed   bool        // the back end has been told about rings
	faulty   bool        // what is in the rings cannot be trusted
}

// pool returns the guest's memory.
func (p *Port) pool() *frame.Pool { return p.o.Pool }

// session has one session and returns what ended it, and whether there was a link.
func (p *Port) session(ctx context.Context) (linked bool, err error) {
	sock, err := p.connect(ctx)
	if err != nil {
		return false, err
	}
	s := &session{Port: p, conn: proto.NewConn(sock)}
	defer s.end()
	stop := context.AfterFunc(ctx, func() { s.conn.Close() })
	err = s.begin()
	if !stop() || err != nil {
		s.faulty = errors.Is(err, proto.ErrRefused)
		s.kept.tries++
		return false, err
	}
	s.kept.tries = 0
	p.counts[portSessions].Add(1)
	p.log.Info("back end connected", "features", s.features, "protocol", s.protocol, "resumed", p.State().Resumed)
	return true, s.watch(ctx)
}

// begin negotiates and hands everything over, up to the link.
func (s *session) begin() error {
	s.drainFaults()
	if err := s.negotiate(); err != nil {
		return fmt.Errorf("negotiate: %w", err)
	}
	if err := s.handOver(); err != nil {
		return fmt.Errorf("hand over: %w", err)
	}
	if err := s.readConfig(); err != nil {
		return err
	}
	s.set(func(st *State) { st.Features, st.Protocol = s.features, s.protocol })
	s.Port.takes.Set(s.Port.tx[0].takes)
	for _, q := range s.rings() {
		q.kick.ring() // starts the ring ("Ring states"); the worker's from here on
		q.gate.Open()
		q.call.ring() // wakes a worker that sleeps, so that it posts buffers
	}
	s.up.Store(!s.State().LinkDown)
	return nil
}

// drainFaults forgets what was wrong with earlier sessions.
func (s *session) drainFaults() {
	select {
	case <-s.faults:
	default:
	}
}

// watch returns what ends the session.
func (s *session) watch(ctx context.Context) error {
	for {
		ended := s.conn.Watch()
		select {
		case err := <-ended:
			if errors.Is(err, io.EOF) {
				err = errClosed
			}
			return err
		case err := <-s.faults:
			s.faulty = true
			s.counts[portFaults].Add(1)
			s.interrupt(ended)
			return err
		case c := <-s.calls:
			err := s.interrupt(ended)
			if err != nil {
				c.done <- err
				return err
			}
			c.done <- c.run(s)
		case <-ctx.Done():
			s.interrupt(ended)
			return ctx.Err()
		}
	}
}

// errClosed is why most sessions end.
var errClosed = errors.New("it closed the connection")

// interrupt ends the wait for the back end's end, so that the connection can be used. It returns what ended the
// wait, if that was something else.
func (s *session) interrupt(ended <-chan error) error {
	s.conn.Interrupt()
	if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return nil
}

// end takes the rings from the workers, and from the back end if it is still there.
func (s *session) end() {
	s.up.Store(false)
	s.Port.takes.Set(0)
	for _, q := range s.rings() {
		q.gate.Shut()
	}
	s.stopRings()
	if s.back != nil {
		s.back.Close()
	}
	s.conn.Close()
	if s.faulty || len(s.faults) > 0 || s.kept.fd < 0 || s.kept.tries > keepFor {
		s.resetRings()
	}
	s.set(func(st *State) { *st = State{Last: st.Last} })
}

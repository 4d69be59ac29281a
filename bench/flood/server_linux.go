package flood

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// A server has a flood for whoever tells it by lines of JSON.
type server struct {
	flood *Flood // nil before it is made
	stop  context.CancelFunc
	ended sync.WaitGroup
	err   error // what ended the flood
}

// errNone is the answer to what needs a flood.
var errNone = errors.New("there is no flood yet")

// Serve carries out the commands that come from in, one after the other, and answers to out, until in ends: a flood does not outlive whoever
// started it.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	s := new(server)
	ctx, s.stop = context.WithCancel(ctx)
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	answers := json.NewEncoder(out)
	var err error
	for err == nil && lines.Scan() {
		a := answer{OK: true}
		if e := s.carryOut(ctx, lines.Bytes(), &a); e != nil {
			a = answer{Error: e.Error()}
		}
		err = answers.Encode(a)
	}
	if lines.Err() != nil {
		err = errors.Join(err, fmt.Errorf("read commands: %w", lines.Err()))
	}
	return errors.Join(err, s.close())
}

// carryOut does what a line says.
func (s *server) carryOut(ctx context.Context, line []byte, a *answer) error {
	c, err := parse(line)
	if err != nil {
		return err
	}
	if c.Make != nil {
		return s.make(ctx, *c.Make)
	}
	if s.flood == nil {
		return errNone
	}
	switch {
	case c.Link != nil:
		return c.Link.run(ctx, s.flood.Link)
	case c.Check != nil:
		return c.Check.run(ctx, func(ctx context.Context) error { return s.flood.Check(ctx, c.Check.Packets) })
	default:
		a.Counts, err = s.flood.Counted()
		return err
	}
}

// make makes the flood and has it run.
func (s *server) make(ctx context.Context, o Options) (err error) {
	if s.flood != nil {
		return errors.New("there is a flood already")
	}
	f, err := New(o)
	if err != nil {
		return err
	}
	s.flood = f
	s.ended.Go(func() { s.err = f.Run(ctx) })
	return nil
}

// run has f done in the time that there is for it.
func (q *inquiry) run(ctx context.Context, f func(context.Context) error) error {
	d, err := q.within()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return f(ctx)
}

func (s *server) close() error {
	s.stop()
	if s.flood == nil {
		return nil
	}
	s.ended.Wait()
	return errors.Join(s.err, s.flood.Close())
}

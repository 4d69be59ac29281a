package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/culvertdev/culvert/bench/gen"
)

// A server carries out commands.
type server struct {
	g   *gen.Generator
	mu  sync.Mutex // of out and stop
	out *json.Encoder
	// stop ends the job that runs; nil when none does.
	stop context.CancelFunc
}

// Serve carries out the commands that come from in, and answers to out, until in or ctx ends.
func Serve(ctx context.Context, o gen.Options, in io.Reader, out io.Writer) (err error) {
	g, err := gen.New(o)
	if err != nil {
		return err
	}
	s := &server{g: g, out: json.NewEncoder(out)}
	ctx, cancel := context.WithCancel(ctx)
	commands := make(chan Command)
	worked := make(chan struct{})
	go func() {
		defer close(worked)
		for c := range commands {
			s.carryOut(ctx, c)
		}
	}()
	err = s.read(ctx, in, commands)
	cancel() // whatever is at work ends
	close(commands)
	<-worked
	return errors.Join(err, g.Close())
}

// read reads commands until there are none any more.
func (s *server) read(ctx context.Context, in io.Reader, commands chan<- Command) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 1<<16), maxLine)
	for lines.Scan() {
		if len(lines.Bytes()) == 0 {
			continue
		}
		c, err := parse(lines.Bytes())
		if err != nil {
			s.answer(Answer{ID: c.ID, Error: err.Error()})
			continue
		}
		if c.Stop != nil {
			s.halt()
			continue
		}
		select {
		case commands <- c:
		case <-ctx.Done():
			return nil
		}
	}
	if err := lines.Err(); err != nil {
		err = fmt.Errorf("read commands: %w", err)
		s.answer(Answer{Error: err.Error()})
		return err
	}
	return nil
}

// halt ends the job that runs.
func (s *server) halt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stop != nil {
		s.stop()
	}
}

func (s *server) answer(a Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.out.Encode(a) // nobody is there to be told of it
}

// carryOut does what a command says and answers.
func (s *server) carryOut(ctx context.Context, c Command) {
	a := Answer{ID: c.ID, OK: true}
	var err error
	switch {
	case c.Open != nil:
		err = s.g.Open(ctx, *c.Open)
	case c.Close != nil:
		err = s.g.Set.Close(*c.Close)
	default:
		a.OK = false
		a.Result, err = s.job(ctx, c)
	}
	if err != nil {
		a = Answer{ID: c.ID, Error: err.Error()}
	}
	s.answer(a)
}

// job runs a job.
func (s *server) job(ctx context.Context, c Command) (*gen.Result, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s.setStop(stop)
	defer s.setStop(nil)
	if c.Self != nil {
		return s.g.Self(ctx, *c.Self)
	}
	return s.g.Run(ctx, *c.Run, func(p gen.Progress) { s.answer(Answer{ID: c.ID, Progress: &p}) })
}

func (s *server) setStop(stop context.CancelFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop = stop
}

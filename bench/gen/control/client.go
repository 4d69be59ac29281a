package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"

	"github.com/culvertdev/culvert/bench/gen"
	"github.com/culvertdev/culvert/bench/gen/port"
)

// A Client has a generator in a process of its own. Close ends it.
type Client struct {
	in   io.WriteCloser
	out  *json.Decoder
	id   uint64
	wait func() error
}

// Start starts a generator. cmd is `culvert bench gen` with its options, whose standard input and output are not set;
// start starts it, in a network namespace perhaps, nil: (*exec.Cmd).Start.
func Start(cmd *exec.Cmd, start func(*exec.Cmd) error) (*Client, error) {
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if start == nil {
		start = (*exec.Cmd).Start
	}
	if err := start(cmd); err != nil {
		return nil, fmt.Errorf("start the generator: %w", err)
	}
	return &Client{in: in, out: json.NewDecoder(out), wait: cmd.Wait}, nil
}

// Open opens a port.
func (c *Client) Open(s port.Spec) error {
	_, err := c.do(context.Background(), Command{Open: &s}, nil)
	return err
}

// ClosePort closes a port.
func (c *Client) ClosePort(name string) error {
	_, err := c.do(context.Background(), Command{Close: &name}, nil)
	return err
}

// Run runs a job. When ctx ends the job ends early. progress may be nil.
func (c *Client) Run(ctx context.Context, j gen.Job, progress func(gen.Progress)) (*gen.Result, error) {
	return c.do(ctx, Command{Run: &j}, progress)
}

// Self has the generator measure itself.
func (c *Client) Self(ctx context.Context, j gen.Job) (*gen.Result, error) {
	return c.do(ctx, Command{Self: &j}, nil)
}

// do gives a command and reads its answers.
func (c *Client) do(ctx context.Context, cmd Command, progress func(gen.Progress)) (*gen.Result, error) {
	c.id++
	cmd.ID = c.id
	if err := c.say(cmd); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.say(Command{Stop: &struct{}{}}) })
	defer stop()
	for {
		var a Answer
		if err := c.out.Decode(&a); err != nil {
			return nil, fmt.Errorf("the generator does not answer: %w", err)
		}
		switch {
		case a.ID != 0 && a.ID != c.id:
			return nil, fmt.Errorf("the generator answers command %d, not %d", a.ID, c.id)
		case a.Error != "":
			return nil, fmt.Errorf("generator: %w", errors.New(a.Error))
		case a.Progress != nil:
			if progress != nil {
				progress(*a.Progress)
			}
		default:
			return a.Result, nil
		}
	}
}

// say writes a command as one line.
func (c *Client) say(cmd Command) error {
	line, err := json.Marshal(cmd)
	if err != nil {
		return err
	}
	if _, err := c.in.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("tell the generator: %w", err)
	}
	return nil
}

// Close ends the generator and waits for it.
func (c *Client) Close() error {
	return errors.Join(c.in.Close(), c.wait())
}

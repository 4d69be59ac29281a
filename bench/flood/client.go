package flood

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"
)

// A Client has a flood in a process of its own. Close ends it.
//
// Thread-safety: one goroutine at a time.
type Client struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
}

// Start starts a flood. cmd is `culvert bench flood`, whose standard input and output are not set; start starts it, in a network namespace
// perhaps, nil: (*exec.Cmd).Start.
func Start(cmd *exec.Cmd, start func(*exec.Cmd) error, o Options) (*Client, error) {
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
		return nil, fmt.Errorf("start a flood: %w", err)
	}
	c := &Client{cmd: cmd, in: in, out: json.NewDecoder(out)}
	if _, err := c.do(command{Make: &o}); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// PID is the process.
func (c *Client) PID() int { return c.cmd.Process.Pid }

// Link waits for the switch to connect.
func (c *Client) Link(ctx context.Context) error {
	_, err := c.do(command{Link: &inquiry{Within: left(ctx)}})
	return err
}

// Check waits until n packets that arrived were looked at one by one, each of which is to be as it should be.
func (c *Client) Check(ctx context.Context, n int) error {
	_, err := c.do(command{Check: &inquiry{Packets: n, Within: left(ctx)}})
	return err
}

// left is the time that ctx has, of what an inquiry may take.
func left(ctx context.Context) string {
	if end, ok := ctx.Deadline(); ok {
		return max(min(time.Until(end), patience), time.Millisecond).String()
	}
	return patience.String()
}

// Count returns how many packets there were since the start.
func (c *Client) Count() (Counts, error) {
	a, err := c.do(command{Count: &struct{}{}})
	return a.Counts, err
}

// do gives a command and reads its answer.
func (c *Client) do(cmd command) (a answer, err error) {
	line, err := json.Marshal(cmd)
	if err != nil {
		return a, err
	}
	if _, err := c.in.Write(append(line, '\n')); err != nil {
		return a, fmt.Errorf("tell the flood: %w", err)
	}
	if err := c.out.Decode(&a); err != nil {
		return a, fmt.Errorf("the flood does not answer: %w", err)
	}
	if a.Error != "" {
		return a, fmt.Errorf("flood: %w", errors.New(a.Error))
	}
	return a, nil
}

// Close ends the flood and waits for it.
func (c *Client) Close() error { return errors.Join(c.in.Close(), c.cmd.Wait()) }

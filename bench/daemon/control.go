package daemon

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"time"

	"github.com/culvertdev/culvert/control/api"
)

// Control is the way to a daemon, whoever has started it: its control socket, and the command line.
type Control struct {
	Socket string // path
	Binary string // path of culvert
	client *api.Client
}

// Connect connects to the daemon and makes sure that it answers.
func (c *Control) Connect(ctx context.Context) error {
	client, err := api.Dial(ctx, c.Socket)
	if err != nil {
		return err
	}
	if _, err := api.Call(ctx, client, api.GetVersion, api.Nothing{}); err != nil {
		client.Close()
		return err
	}
	c.client = client
	return nil
}

// Disconnect ends the connection, if there is one.
func (c *Control) Disconnect() {
	if c.client != nil {
		c.client.Close()
		c.client = nil
	}
}

// Client returns the connection.
func (c *Control) Client() *api.Client { return c.client }

// Command runs a command of the command line, such as "port", "list", and returns what it printed.
func (c *Control) Command(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, c.Binary, args...)
	cmd.Env = append(os.Environ(), "CULVERT_SOCKET="+c.Socket)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("culvert %v: %w: %s", args, err, bytes.TrimSpace(errs.Bytes()))
	}
	return out.String(), nil
}

// A Tally is what the daemon has counted. While packets move, its parts are of slightly different
// moments.
type Tally struct {
	Stats api.Stats
	Ports []api.Port
}

// Tally asks for all counters.
func (c *Control) Tally(ctx context.Context) (t Tally, err error) {
	if t.Stats, err = api.Call(ctx, c.client, api.GetStats, api.Nothing{}); err != nil {
		return t, err
	}
	t.Ports, err = api.Call(ctx, c.client, api.PortList, api.PortFilter{})
	return t, err
}

// WaitOpen waits until every port is open and has carrier, and returns them.
func (c *Control) WaitOpen(ctx context.Context) ([]api.Port, error) {
	return c.waitPorts(ctx, func(p api.Port) bool { return p.Open && p.LinkUp })
}

// WaitOpenDown is WaitOpen where nobody is at the other end yet: it does not wait for carrier.
func (c *Control) WaitOpenDown(ctx context.Context) ([]api.Port, error) {
	return c.waitPorts(ctx, func(p api.Port) bool { return p.Open })
}

func (c *Control) waitPorts(ctx context.Context, ready func(api.Port) bool) ([]api.Port, error) {
	for {
		ports, err := api.Call(ctx, c.client, api.PortList, api.PortFilter{})
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(ports, func(p api.Port) bool { return !ready(p) })
		if i < 0 {
			return ports, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for port %s: %w: %s", ports[i].Name, ctx.Err(), ports[i].Error)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Sum returns a counter summed over all ports.
func (t Tally) Sum(name string) (sum uint64) {
	for _, p := range t.Ports {
		sum += Value(p.Counters, name)
	}
	return sum
}

// Event returns one of the workers' events, summed.
func (t Tally) Event(name string) (sum uint64) {
	for _, w := range t.Stats.Workers {
		sum += Value(w.Events, name)
	}
	return sum
}

// Port returns a port by name, and whether there is one.
func (t Tally) Port(name string) (api.Port, bool) {
	for _, p := range t.Ports {
		if p.Name == name {
			return p, true
		}
	}
	return api.Port{}, false
}

// Value returns a counter by name; 0 when there is none.
func Value(counters []api.Counter, name string) uint64 {
	for _, c := range counters {
		if c.Name == name {
			return c.Value
		}
	}
	return 0
}

// Drops returns the sum of all counters that are drops.
func Drops(counters []api.Counter) (sum uint64) {
	for _, c := range counters {
		if c.Kind == "drop" {
			sum += c.Value
		}
	}
	return sum
}

package suite

import (
	"context"
	"errors"
	"fmt"
	"os/exec"

	"github.com/culvertdev/culvert/bench/gen/control"
	"github.com/culvertdev/culvert/bench/gen/port"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/pump"
	"github.com/culvertdev/culvert/bench/switches"
)

// A Stand is a switch that runs in the scene of a row, for as long as a window is measured.
type Stand struct {
	Cell
	Options *Options
	Switch  switches.Running
	Scene   switches.Scene
	Lab     *lab.Lab // the hosts at the other ends of devices; nil for vhost-user ports
}

// Sockets are those of vhost-user ports, where guests listen.
func (s *Stand) Sockets() [2]string {
	return [2]string{s.Scene.Ports[0].Socket, s.Scene.Ports[1].Socket}
}

// Generator starts our own generator as a process, with ports a and b, and c where the scene has a third, at the other ends of the switch's, as testpmd's would be: a packet fits
// a buffer, and flags say whether to notify. Jobs are to name the CPU Scene.Main. The caller closes it.
func (s *Stand) Generator(context.Context) (*control.Client, error) {
	if s.Lab != nil {
		return nil, errors.New("the generator has vhost-user ports alone here")
	}
	c, err := control.Start(exec.Command(s.Options.Culvert, "bench", "gen"), s.Scene.Space.Start)
	if err != nil {
		return nil, err
	}
	sockets := map[string]string{"a": s.Scene.Ports[0].Socket, "b": s.Scene.Ports[1].Socket, "c": s.Scene.Third.Socket}
	for _, name := range []string{"a", "b", "c"} {
		if sockets[name] == "" {
			continue
		}
		options := map[string]string{"path": sockets[name], "packed": fmt.Sprint(s.Rings == "packed"), "ring-size": fmt.Sprint(pump.RingSize), "mergeable": "false", "event-index": "false"}
		if err := c.Open(port.Spec{Name: name, Type: "vhost-frontend", Options: options}); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, nil
}

// forward gives the switch rules.
func (s *Stand) forward(ctx context.Context) func(rules ...string) error {
	return func(rules ...string) error { return s.Switch.Forward(ctx, rules) }
}

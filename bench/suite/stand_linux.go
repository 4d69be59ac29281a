package suite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/culvertdev/culvert/bench/flood"
	"github.com/culvertdev/culvert/bench/gen/control"
	"github.com/culvertdev/culvert/bench/gen/port"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/switches"
)

// A Stand is a switch that runs in the scene of a row, for as long as a window is measured.
type Stand struct {
	Cell
	Options *Options
	Switch  switches.Running
	Scene   switches.Scene
	Ceiling float64  // of our own generator by itself, in frames a second; 0: not known
	Lab     *lab.Lab // the hosts at the other ends of devices; nil for vhost-user ports
	soft    *int     // process of the thread of soft interrupts on the switch's CPU, 0: it is not to be seen; nil: not looked for yet
}

// Sockets are those of vhost-user ports, where guests listen.
func (s *Stand) Sockets() [2]string {
	return [2]string{s.Scene.Ports[0].Socket, s.Scene.Ports[1].Socket}
}

// Generator starts our own generator as a process, with ports a, b and so on at the other ends of the switch's.
// Jobs are to name the CPU Scene.Main. The caller closes it.
func (s *Stand) Generator(context.Context) (*control.Client, error) {
	if s.Lab != nil {
		return nil, errors.New("the generator has vhost-user ports, and the interfaces of a user's own switch, alone here")
	}
	c, err := control.Start(exec.Command(s.Options.Culvert, "bench", "gen"), s.Scene.Space.Start)
	if err != nil {
		return nil, err
	}
	for i, p := range s.Scene.Ports {
		if err := c.Open(s.end(string(rune('a'+i)), p)); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, nil
}

// end is the generator's end of a port. One with vhost-user is as testpmd's would be: a packet fits a buffer, but for long ones, which take
// several, and flags say whether to notify.
func (s *Stand) end(name string, p switches.Port) port.Spec {
	if at := p.Peer; at != (switches.Interface{}) {
		if at.Namespace == "" { // the generator is elsewhere
			at.Namespace = fmt.Sprintf("/proc/%d/ns/net", os.Getpid())
		}
		return port.Spec{Name: name, Type: at.Type, Options: map[string]string{"device": at.Device}, Namespace: at.Namespace}
	}
	options := map[string]string{
		"path": p.Socket, "packed": fmt.Sprint(s.Rings == "packed"), "ring-size": fmt.Sprint(flood.RingSize), "mergeable": "false", "event-index": "false",
	}
	if mtu := s.Scene.MTU; mtu > 0 {
		options["mtu"], options["mergeable"] = fmt.Sprint(mtu), "true"
	}
	return port.Spec{Name: name, Type: "vhost-frontend", Options: options}
}

// forward gives the switch rules.
func (s *Stand) forward(ctx context.Context) func(rules ...string) error {
	return func(rules ...string) error { return s.Switch.Forward(ctx, rules) }
}

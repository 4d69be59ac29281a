package switches

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"

	"github.com/culvertdev/culvert/bench/console"
	"github.com/culvertdev/culvert/bench/patch"
)

// Patch is Culvert's vhost-user ports and worker without the switch between them, hence without any look-up.
type Patch struct{ Culvert }

func (p *Patch) Name() string { return "culvert-ports" + p.ending() }

type runningPatch struct {
	*console.Console
	start  func() (*console.Console, error)
	before patch.Spent
}

func (p *Patch) Start(ctx context.Context, s Scene) (Running, error) {
	if len(s.Ports) != 2 {
		return nil, fmt.Errorf("%d ports: a patch has two", len(s.Ports))
	}
	for _, port := range s.Ports {
		if port.Socket == "" {
			return nil, errors.New("a patch has vhost-user ports alone")
		}
	}
	r := &runningPatch{start: func() (*console.Console, error) {
		cmd := exec.Command(p.Binary, "bench", "patch", s.Ports[0].Socket, s.Ports[1].Socket, "--cpu", strconv.Itoa(s.CPU), "--rest-cpu", strconv.Itoa(s.Main))
		return console.Start(cmd, s.start)
	}}
	var err error
	r.Console, err = r.start()
	return r, err
}

func (*runningPatch) Version() string                         { return "(ports and worker alone)" }
func (*runningPatch) Config() []string                        { return nil }
func (*runningPatch) Forward(context.Context, []string) error { return nil }
func (r *runningPatch) Stop() error                           { return r.Console.Stop("") }

func (r *runningPatch) Clear(ctx context.Context) (err error) {
	r.before, err = r.spent(ctx)
	return err
}

func (r *runningPatch) Account(ctx context.Context) (Account, error) {
	now, err := r.spent(ctx)
	return Account{Text: "none", Cycles: float64(now.Cycles-r.before.Cycles) / float64(max(now.Packets-r.before.Packets, 1))}, err
}

// spent asks it.
func (r *runningPatch) spent(ctx context.Context) (s patch.Spent, err error) {
	if err := r.Say(""); err != nil {
		return s, err
	}
	line, err := r.Expect(ctx, "\n")
	if err != nil {
		return s, err
	}
	_, err = fmt.Sscanf(line, patch.SpentFormat, &s.Cycles, &s.Packets)
	return s, err
}

func (r *runningPatch) Restart(context.Context) error {
	if err := r.Stop(); err != nil {
		return err
	}
	var err error
	r.Console, err = r.start()
	return err
}

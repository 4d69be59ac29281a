package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/culvertdev/culvert/bench/console"
)

// culvertPatch is Culvert's ports and worker without a switch: this program as [runPatch].
type culvertPatch struct{}

func (culvertPatch) name() string   { return "culvert" }
func (culvertPatch) missing() error { return nil }

type runningPatch struct {
	*console.Console
	before spent
}

func (culvertPatch) start(ctx context.Context, p place) (running, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c, err := console.Start(exec.Command(self, "--patch", strings.Join(p.sockets[:], ",")), p.spawn)
	if err != nil {
		return nil, err
	}
	return &runningPatch{Console: c}, nil
}

func (*runningPatch) version() string { return "(ports and worker alone)" }
func (r *runningPatch) pid() int      { return r.PID() }

func (*runningPatch) forward(context.Context, []string) error               { return nil }
func (*runningPatch) account(context.Context, row) (string, float64, error) { return "none", 1, nil }
func (r *runningPatch) stop() error                                         { return r.Stop("") }

func (r *runningPatch) clear(ctx context.Context) (err error) {
	r.before, err = r.spent(ctx)
	return err
}

func (r *runningPatch) cycles(ctx context.Context) float64 {
	now, err := r.spent(ctx)
	if err != nil {
		return 0
	}
	return float64(now.cycles-r.before.cycles) / float64(max(now.packets-r.before.packets, 1))
}

// spent asks it.
func (r *runningPatch) spent(ctx context.Context) (s spent, err error) {
	if err := r.Say(""); err != nil {
		return s, err
	}
	line, err := r.Expect(ctx, "\n")
	if err != nil {
		return s, err
	}
	_, err = fmt.Sscanf(line, spentFormat, &s.cycles, &s.packets)
	return s, err
}

func (*runningPatch) stages(context.Context) []stage { return nil }

package main

import (
	"context"
	"os"
	"os/exec"
	"strings"

	"github.com/culvertdev/culvert/bench/console"
)

// culvertPatch is Culvert's ports and worker without a switch: this program as [runPatch].
type culvertPatch struct{}

func (culvertPatch) name() string   { return "culvert" }
func (culvertPatch) missing() error { return nil }

type runningPatch struct{ *console.Console }

func (culvertPatch) start(ctx context.Context, p place) (running, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c, err := console.Start(exec.Command(self, "--patch", strings.Join(p.sockets[:], ",")), p.spawn)
	if err != nil {
		return nil, err
	}
	return runningPatch{c}, nil
}

func (runningPatch) version() string { return "(ports and worker alone)" }
func (r runningPatch) pid() int      { return r.PID() }

func (runningPatch) forward(context.Context, []string) error               { return nil }
func (runningPatch) clear(context.Context) error                           { return nil }
func (runningPatch) account(context.Context, row) (string, float64, error) { return "none", 1, nil }
func (runningPatch) cycles(context.Context) float64                        { return 0 }
func (r runningPatch) stop() error                                         { return r.Stop("") }

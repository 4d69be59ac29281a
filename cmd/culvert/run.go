package main

import (
	"github.com/culvertdev/culvert/control/daemon"
)

type runCmd struct {
	Config string `required:"" short:"c" help:"Configuration file." placeholder:"FILE"`
}

func (c *runCmd) Run(e *env) error {
	return daemon.Run(e.ctx, daemon.RunOptions{File: c.Config, Socket: e.socket, Drivers: drivers(), Build: e.build, LogTo: e.errs})
}

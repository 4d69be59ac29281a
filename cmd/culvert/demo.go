package main

import (
	"errors"
	"time"

	"github.com/culvertdev/culvert/bench/demo"
)

type demoCmd struct {
	TCP    time.Duration `name:"tcp" help:"How long each TCP transfer lasts." default:"2s" placeholder:"TIME"`
	Memory bool          `help:"Use memory ports, in one process, even where there is AF_XDP."`
}

func (c *demoCmd) Run(e *env) error {
	if e.json {
		return usageError{errors.New("demo is for people: it prints no JSON")}
	}
	return demo.Run(e.ctx, demo.Options{Out: e.out, TCP: c.TCP, Memory: c.Memory})
}

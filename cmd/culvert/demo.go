package main

import (
	"errors"
	"time"

	"github.com/culvertdev/culvert/bench/demo"
)

type demoCmd struct {
	TCP    time.Duration `name:"tcp" help:"How long each TCP transfer lasts." default:"2s" placeholder:"TIME"`
	Memory bool          `help:"Use memory ports, in one process, even where there is AF_XDP."`
	Part   string        `help:"Only one part: switch, with three hosts, or overlay, with two hosts and a container that moves." enum:",switch,overlay" default:"" placeholder:"PART"`
	Pause  time.Duration `help:"How long TCP may stand still when a container moves." default:"1s" placeholder:"TIME"`
}

func (c *demoCmd) Run(e *env) error {
	if e.json {
		return usageError{errors.New("demo is for people: it prints no JSON")}
	}
	return demo.Run(e.ctx, demo.Options{Out: e.out, TCP: c.TCP, Memory: c.Memory, Part: c.Part, Pause: c.Pause})
}

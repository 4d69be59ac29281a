package main

import (
	"errors"
	"time"

	"github.com/culvertdev/culvert/bench/soak"
)

type soakCmd struct {
	Time   time.Duration `help:"How long." default:"1h" placeholder:"TIME"`
	Seed   uint64        `help:"Of what is tried and sent; a different one each time by default."`
	Report string        `help:"File to write samples and verdict to, as JSON." placeholder:"FILE"`
	Log    string        `help:"File to keep the daemon's log in." placeholder:"FILE"`
}

func (c *soakCmd) Run(e *env) error {
	if e.json {
		return usageError{errors.New("soak writes JSON to the file of --report")}
	}
	return soak.Run(e.ctx, soak.Options{Out: e.out, Time: c.Time, Seed: c.Seed, Report: c.Report, Log: c.Log})
}

package main

import (
	"fmt"
	"io"

	"github.com/culvertdev/culvert/control/api"
)

type mdbShowCmd struct {
	Bridge string `arg:"" optional:"" help:"Groups of this bridge only."`
}

func (c *mdbShowCmd) Run(e *env) error {
	return show(e, api.MDBShow, api.BridgeName{Bridge: c.Bridge}, func(w io.Writer, all []api.MDBEntry) {
		t := newTable("BRIDGE", "PORT", ">VLAN", "GROUP", ">AGE")
		for _, m := range all {
			group := m.Group
			if m.Router {
				group = "querier"
			}
			t.row(m.Bridge, m.Port, m.VLAN, group, seconds(m.AgeSeconds))
		}
		t.print(w, "no groups")
	})
}

type mdbFlushCmd struct {
	Bridge string `arg:"" optional:"" help:"Groups of this bridge only."`
	Port   string `help:"Only what was learned on this port."`
	VLAN   *int   `name:"vlan" help:"Only what was learned in this VLAN." placeholder:"VLAN"`
}

func (c *mdbFlushCmd) Run(e *env) error {
	f := api.FDBFilter{Bridge: c.Bridge, Port: c.Port, VLAN: c.VLAN}
	return show(e, api.MDBFlush, f, func(w io.Writer, n api.Changed) {
		fmt.Fprintf(w, "%d %s forgotten\n", n.Count, plural(n.Count, "entry", "entries"))
	})
}

package main

import (
	"fmt"
	"io"

	"github.com/culvertdev/culvert/control/api"
)

type fdbShowCmd struct {
	Bridge string `arg:"" optional:"" help:"Addresses of this bridge only."`
}

func (c *fdbShowCmd) Run(e *env) error {
	return show(e, api.FDBShow, api.BridgeName{Bridge: c.Bridge}, func(w io.Writer, all []api.FDBEntry) {
		t := newTable("BRIDGE", "PORT", ">VLAN", "MAC", ">AGE")
		for _, a := range all {
			age := seconds(a.AgeSeconds)
			if a.Static {
				age = "static"
			}
			t.row(a.Bridge, a.Port, a.VLAN, a.MAC, age)
		}
		t.print(w, "no addresses")
	})
}

type fdbAddCmd struct {
	Bridge string `arg:"" help:"Bridge that is to know the address."`
	Port   string `arg:"" help:"Port behind which it is."`
	MAC    string `arg:"" name:"mac" help:"Ethernet address."`
	VLAN   int    `name:"vlan" help:"VLAN it is in." default:"0" placeholder:"VLAN"`
}

func (c *fdbAddCmd) Run(e *env) error {
	n := api.NewFDBEntry{Bridge: c.Bridge, Port: c.Port, VLAN: c.VLAN, MAC: c.MAC}
	return show(e, api.FDBAdd, n, func(w io.Writer, _ api.Nothing) {
		fmt.Fprintf(w, "%s in VLAN %d is behind port %s\n", c.MAC, c.VLAN, c.Port)
	})
}

type fdbDelCmd struct {
	Bridge string `arg:"" help:"Bridge that knows the address."`
	MAC    string `arg:"" name:"mac" help:"Ethernet address."`
	VLAN   int    `name:"vlan" help:"VLAN it is in." default:"0" placeholder:"VLAN"`
}

func (c *fdbDelCmd) Run(e *env) error {
	return show(e, api.FDBDel, api.FDBKey{Bridge: c.Bridge, VLAN: c.VLAN, MAC: c.MAC}, func(w io.Writer, _ api.Nothing) {
		fmt.Fprintf(w, "%s in VLAN %d forgotten\n", c.MAC, c.VLAN)
	})
}

type fdbFlushCmd struct {
	Bridge string `arg:"" optional:"" help:"Addresses of this bridge only."`
	Port   string `help:"Addresses behind this port only." placeholder:"PORT"`
	VLAN   *int   `name:"vlan" help:"Addresses in this VLAN only." placeholder:"VLAN"`
}

func (c *fdbFlushCmd) Run(e *env) error {
	f := api.FDBFilter{Bridge: c.Bridge, Port: c.Port, VLAN: c.VLAN}
	return show(e, api.FDBFlush, f, func(w io.Writer, n api.Changed) {
		fmt.Fprintf(w, "%d %s forgotten\n", n.Count, plural(n.Count, "address", "addresses"))
	})
}

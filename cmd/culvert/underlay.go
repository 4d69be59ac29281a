package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/culvertdev/culvert/control/api"
)

type underlayCmd struct{}

func (c *underlayCmd) Run(e *env) error {
	return show(e, api.UnderlayShow, api.Nothing{}, printUnderlay)
}

// printUnderlay prints addresses, routes and neighbours, each as a table.
func printUnderlay(w io.Writer, u api.Underlay) {
	if len(u.Interfaces) == 0 {
		fmt.Fprintln(w, "no port has an underlay")
		return
	}
	t := newTable("PORT", "MAC", "ADDRESSES", ">VLAN", ">MTU", "STATE")
	for _, f := range u.Interfaces {
		vlan, state := "", "down"
		if f.VLAN != 0 {
			vlan = fmt.Sprint(f.VLAN)
		}
		if f.Up {
			state = "up"
		}
		if f.Kernel {
			state += ", the kernel's"
		}
		t.row(f.Port, f.MAC, strings.Join(f.Addresses, ", "), vlan, f.MTU, state)
	}
	t.print(w, "")
	t = newTable("ROUTE", "VIA", "PORT")
	for _, r := range u.Routes {
		via := r.Via
		switch {
		case r.Refused != "":
			via = r.Refused
		case via == "":
			via = "directly"
		}
		if r.Mark != "" {
			r.To += " mark " + r.Mark
		}
		t.row(r.To, via, r.Port)
	}
	t.print(w, "no routes")
	t = newTable("NEIGHBOUR", "PORT", "MAC", "STATE", ">AGE")
	for _, n := range u.Neighbours {
		age := ""
		if n.State != "asked" {
			age = seconds(n.AgeSeconds)
		}
		t.row(n.Address, n.Port, n.MAC, n.State, age)
	}
	t.print(w, "no neighbours")
}

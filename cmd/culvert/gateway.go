package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/culvertdev/culvert/control/api"
)

type gatewayShowCmd struct {
	Bridge string `arg:"" optional:"" help:"This bridge only."`
}

func (c *gatewayShowCmd) Run(e *env) error {
	return show(e, api.GatewayShow, api.BridgeName{Bridge: c.Bridge}, func(w io.Writer, all []api.Gateway) {
		if len(all) == 0 {
			fmt.Fprintln(w, "no gateways")
		}
		for i := range all {
			if i > 0 {
				fmt.Fprintln(w)
			}
			printGateway(w, &all[i])
		}
	})
}

// printGateway prints a gateway's interfaces, routes, neighbours and rules, each as a table.
func printGateway(w io.Writer, g *api.Gateway) {
	fmt.Fprintf(w, "bridge %s\n", g.Bridge)
	t := newTable("INTERFACE", "PORTS", "MAC", "ADDRESSES")
	for _, f := range g.Interfaces {
		t.row(f.Name, strings.Join(f.Ports, ", "), f.MAC, strings.Join(f.Addresses, ", "))
	}
	t.print(w, "no interfaces")
	t = newTable("ROUTE", "VIA")
	for _, r := range g.Routes {
		via := strings.Join(r.Via, ", ")
		if via == "" {
			via = "dropped"
		}
		t.row(r.To, via)
	}
	t.print(w, "no routes but those to its own prefixes")
	t = newTable("NEIGHBOUR", "INTERFACE", "MAC", "STATE", ">AGE")
	for _, n := range g.Neighbours {
		age := ""
		if n.State == "answered" {
			age = seconds(n.AgeSeconds)
		}
		t.row(n.Address, n.Interface, n.MAC, n.State, age)
	}
	t.print(w, "no neighbours")
	t = newTable("RULE", ">PACKETS", ">BYTES")
	for _, r := range g.ACL {
		t.row(r.Text, r.Packets, r.Bytes)
	}
	t.row(g.Default+" what no rule is about", "", "")
	t.print(w, "")
}

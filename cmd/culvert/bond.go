package main

import (
	"fmt"
	"io"
	"time"

	"github.com/culvertdev/culvert/control/api"
)

type bondShowCmd struct {
	Bridge string `arg:"" optional:"" help:"Bonds of this bridge only."`
}

func (c *bondShowCmd) Run(e *env) error {
	return show(e, api.BondShow, api.BridgeName{Bridge: c.Bridge}, func(w io.Writer, all []api.Bond) {
		if len(all) == 0 {
			fmt.Fprintln(w, "no bonds")
		}
		for i := range all {
			if i > 0 {
				fmt.Fprintln(w)
			}
			printBond(w, &all[i])
		}
	})
}

// printBond prints a bond in the order of ovs-appctl bond/show.
func printBond(w io.Writer, b *api.Bond) {
	fmt.Fprintf(w, "---- %s ----\n", b.Name)
	fmt.Fprintf(w, "bond_mode: %s\n", b.Mode)
	fmt.Fprintf(w, "bond-hash-basis: %d\n", b.HashBasis)
	fmt.Fprintf(w, "updelay: %s\n", milliseconds(b.UpDelaySeconds))
	fmt.Fprintf(w, "downdelay: %s\n", milliseconds(b.DownDelaySeconds))
	if b.RebalanceSeconds > 0 {
		fmt.Fprintf(w, "next rebalance: %s\n", milliseconds(b.RebalanceSeconds))
	}
	fmt.Fprintf(w, "all-members-active: %t\n", b.AllMembersActive)
	fmt.Fprintf(w, "lacp_status: %s\n", b.LACP.Status)
	fmt.Fprintf(w, "lacp_fallback_ab: %t\n", b.LACP.FallbackAB)
	if b.LACP.System != "" {
		fmt.Fprintf(w, "lacp: %s, system %s, priority %d, aggregation key %d\n", b.LACP.Mode, b.LACP.System, b.LACP.SystemPriority, b.LACP.Key)
	}
	fmt.Fprintf(w, "active-backup primary: %s\n", orNone(b.Primary))
	fmt.Fprintf(w, "active member: %s\n", orNone(b.Active))
	for i := range b.Members {
		printBondMember(w, b, &b.Members[i])
	}
}

func printBondMember(w io.Writer, b *api.Bond, m *api.BondMember) {
	state := "disabled"
	if m.Enabled {
		state = "enabled"
	}
	fmt.Fprintf(w, "\nmember %s: %s\n", m.Port, state)
	if m.Port == b.Active {
		fmt.Fprintln(w, "  active member")
	}
	fmt.Fprintf(w, "  may_enable: %t\n", m.MayEnable)
	switch {
	case m.Disabled:
		fmt.Fprintln(w, "  disabled by command")
	case m.DueSeconds > 0:
		fmt.Fprintf(w, "  %s expires in %s\n", map[bool]string{true: "downdelay", false: "updelay"}[m.Enabled], milliseconds(m.DueSeconds))
	}
	if m.Hashes > 0 {
		fmt.Fprintf(w, "  %d hashes: %d kB load\n", m.Hashes, m.Load/1024)
	}
	if l := m.LACP; l != nil {
		attached := "detached"
		if l.Attached {
			attached = "attached"
		}
		fmt.Fprintf(w, "  lacp: %s %s, %d received (%d bad), %d sent\n", l.Status, attached, l.Received, l.Bad, l.Sent)
		printLACPEnd(w, "actor", &l.Actor)
		printLACPEnd(w, "partner", &l.Partner)
	}
}

func printLACPEnd(w io.Writer, who string, p *api.LACPEnd) {
	fmt.Fprintf(w, "  %s: system %s, priority %d, port %d, port priority %d, key %d, state: %s\n",
		who, p.System, p.SystemPriority, p.Port, p.PortPriority, p.Key, orNone(p.State))
}

func orNone(s string) string {
	if s == "" {
		return "<none>"
	}
	return s
}

func milliseconds(s float64) string {
	return fmt.Sprintf("%d ms", time.Duration(s*float64(time.Second)).Milliseconds())
}

// bondMember names a member of a bond on the command line.
type bondMember struct {
	Bond   string `arg:"" help:"The bond."`
	Member string `arg:"" help:"Its member: a port."`
	Bridge string `help:"Bridge that has the bond, where there are several."`
}

func (c *bondMember) call(e *env, m api.Method[api.BondPort, api.Nothing], done string) error {
	return show(e, m, api.BondPort{Bridge: c.Bridge, Bond: c.Bond, Port: c.Member}, func(w io.Writer, _ api.Nothing) {
		fmt.Fprintf(w, "member %s of bond %s is %s\n", c.Member, c.Bond, done)
	})
}

type bondSetActiveCmd struct{ bondMember }

func (c *bondSetActiveCmd) Run(e *env) error { return c.call(e, api.BondSetActive, "the active one") }

type bondEnableCmd struct{ bondMember }

func (c *bondEnableCmd) Run(e *env) error { return c.call(e, api.BondEnable, "enabled") }

type bondDisableCmd struct{ bondMember }

func (c *bondDisableCmd) Run(e *env) error { return c.call(e, api.BondDisable, "disabled") }

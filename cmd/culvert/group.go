package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/culvertdev/culvert/control/api"
)

// groupArgs are groups as arguments or in a file.
type groupArgs struct {
	Bridge string   `arg:"" help:"Bridge whose rules name the groups."`
	Groups []string `arg:"" optional:"" name:"group" help:"As ovs-ofctl add-group takes it."`
	File   string   `help:"Groups from this file, one a line; - is standard input." placeholder:"FILE"`
}

// change sends groups and prints how many were changed.
func (a *groupArgs) change(e *env, method api.Method[api.GroupText, api.Changed], create bool, done string) error {
	if len(a.Groups) == 0 && a.File == "" {
		return usageError{errors.New("want groups as arguments or --file")}
	}
	lines := ruleArgs{Bridge: a.Bridge, Flows: a.Groups, File: a.File}
	t, err := lines.text(e)
	if err != nil {
		return err
	}
	return sendGroups(e, method, api.GroupText{Bridge: a.Bridge, Name: t.Name, Lines: t.Lines, MayCreate: create}, done)
}

func sendGroups(e *env, method api.Method[api.GroupText, api.Changed], t api.GroupText, done string) error {
	return show(e, method, t, func(w io.Writer, c api.Changed) {
		fmt.Fprintf(w, "%d %s %s\n", c.Count, plural(c.Count, "group", "groups"), done)
	})
}

type groupAddCmd struct{ groupArgs }

func (c *groupAddCmd) Run(e *env) error { return c.change(e, api.GroupAdd, false, "added") }

type groupModCmd struct {
	groupArgs
	MayCreate bool `help:"Add groups that are not there."`
}

func (c *groupModCmd) Run(e *env) error { return c.change(e, api.GroupMod, c.MayCreate, "changed") }

type groupInsertCmd struct{ groupArgs }

func (c *groupInsertCmd) Run(e *env) error { return c.change(e, api.GroupInsert, false, "changed") }

type groupRemoveCmd struct{ groupArgs }

func (c *groupRemoveCmd) Run(e *env) error { return c.change(e, api.GroupRemove, false, "changed") }

type groupDelCmd struct {
	Bridge string   `arg:"" help:"Bridge whose rules name the groups."`
	Groups []string `arg:"" optional:"" name:"group" help:"Such as group_id=1; none: all."`
}

func (c *groupDelCmd) Run(e *env) error {
	return sendGroups(e, api.GroupDel, api.GroupText{Bridge: c.Bridge, Lines: c.Groups}, "deleted")
}

type groupDumpCmd struct {
	Bridge string `arg:"" optional:"" help:"Groups of this bridge only."`
}

func (c *groupDumpCmd) Run(e *env) error {
	return showGroups(e, c.Bridge, func(g *api.Group) string { return g.Text })
}

type groupStatsCmd struct {
	Bridge string `arg:"" optional:"" help:"Groups of this bridge only."`
}

func (c *groupStatsCmd) Run(e *env) error {
	return showGroups(e, c.Bridge, func(g *api.Group) string { return g.Stats })
}

// showGroups prints a line for each group; several bridges each below its name.
func showGroups(e *env, bridge string, line func(*api.Group) string) error {
	return show(e, api.GroupDump, api.BridgeName{Bridge: bridge}, func(w io.Writer, groups []api.Group) {
		last := ""
		for i := range groups {
			g := &groups[i]
			if bridge == "" && g.Bridge != last {
				last = g.Bridge
				fmt.Fprintf(w, "%s:\n", g.Bridge)
			}
			fmt.Fprintf(w, " %s\n", line(g))
		}
	})
}

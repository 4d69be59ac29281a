package main

import (
	"fmt"
	"io"

	"github.com/culvertdev/culvert/control/api"
)

type bundleCmd struct {
	Bridge string `arg:"" help:"Bridge whose rules and groups change."`
	File   string `arg:"" help:"Changes, one a line: flow or group, then what ovs-ofctl takes there; - is standard input."`
}

func (c *bundleCmd) Run(e *env) error {
	rules := ruleArgs{Bridge: c.Bridge, File: c.File}
	t, err := rules.text(e)
	if err != nil {
		return err
	}
	return show(e, api.Bundle, t, func(w io.Writer, b api.BundleDone) {
		fmt.Fprintf(w, "%s; %d %s changed\n", whatChanged(b.Rules, "changed"), b.Groups, plural(b.Groups, "group", "groups"))
	})
}

package main

import (
	"fmt"
	"io"

	"github.com/culvertdev/culvert/control/api"
)

type tlvAddCmd struct {
	Bridge  string   `arg:"" help:"Bridge whose rules are to know the options."`
	Options []string `arg:"" name:"option" help:"Such as {class=0x102,type=0x80,len=4}->tun_metadata0."`
}

func (c *tlvAddCmd) Run(e *env) error {
	return show(e, api.TLVAdd, api.TLVOptions{Bridge: c.Bridge, Options: c.Options}, func(w io.Writer, n api.Changed) {
		fmt.Fprintf(w, "%d %s added\n", n.Count, plural(n.Count, "option", "options"))
	})
}

type tlvDelCmd struct {
	Bridge  string   `arg:"" help:"Bridge whose rules know the options."`
	Options []string `arg:"" optional:"" name:"option" help:"As for add; none: all."`
}

func (c *tlvDelCmd) Run(e *env) error {
	return show(e, api.TLVDel, api.TLVOptions{Bridge: c.Bridge, Options: c.Options}, func(w io.Writer, n api.Changed) {
		fmt.Fprintf(w, "%d %s removed\n", n.Count, plural(n.Count, "option", "options"))
	})
}

type tlvShowCmd struct {
	Bridge string `arg:"" optional:"" help:"Options of this bridge only."`
}

func (c *tlvShowCmd) Run(e *env) error {
	return show(e, api.TLVShow, api.BridgeName{Bridge: c.Bridge}, func(w io.Writer, all []api.TLVMap) {
		for _, m := range all {
			fmt.Fprintf(w, "%s:\n%s", m.Bridge, m.Text)
		}
	})
}

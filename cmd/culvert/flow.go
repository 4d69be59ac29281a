package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/culvertdev/culvert/control/api"
)

// ruleArgs is where the rules of a command come from.
type ruleArgs struct {
	Bridge string   `arg:"" help:"Bridge whose rules change."`
	Flows  []string `arg:"" optional:"" sep:"none" help:"Rules in ovs-ofctl's syntax, each one argument."`
	File   string   `short:"f" help:"Read rules from a file, one a line; - is standard input." placeholder:"FILE"`
}

// text returns the rules of the arguments or of the file.
func (r *ruleArgs) text(e *env) (api.FlowText, error) {
	t := api.FlowText{Bridge: r.Bridge, Lines: r.Flows}
	switch {
	case r.File == "":
		return t, nil
	case len(r.Flows) > 0:
		return t, usageError{errors.New("rules come from arguments or from --file, not both")}
	}
	var text []byte
	var err error
	if r.File == "-" {
		t.Name = "standard input"
		text, err = io.ReadAll(e.in)
	} else {
		t.Name = r.File
		text, err = os.ReadFile(r.File)
	}
	if err != nil {
		return t, fmt.Errorf("read rules: %w", err)
	}
	t.Lines = slices.Collect(strings.SplitSeq(strings.TrimSuffix(string(text), "\n"), "\n"))
	return t, nil
}

// change sends rules and prints how many were changed.
func (r *ruleArgs) change(e *env, method api.Method[api.FlowText, api.Changed], strict bool, done string) error {
	t, err := r.text(e)
	if err != nil {
		return err
	}
	t.Strict = strict
	return show(e, method, t, func(w io.Writer, c api.Changed) {
		fmt.Fprintf(w, "%d %s %s\n", c.Count, plural(c.Count, "rule", "rules"), done)
	})
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

type flowAddCmd struct {
	ruleArgs
}

func (c *flowAddCmd) Run(e *env) error {
	if len(c.Flows) == 0 && c.File == "" {
		return usageError{errors.New("want rules as arguments or --file")}
	}
	return c.change(e, api.FlowAdd, false, "added")
}

type flowModCmd struct {
	ruleArgs
	Strict bool `help:"Only the rule of exactly this match and priority."`
}

func (c *flowModCmd) Run(e *env) error {
	if len(c.Flows) == 0 && c.File == "" {
		return usageError{errors.New("want rules as arguments or --file")}
	}
	return c.change(e, api.FlowMod, c.Strict, "changed")
}

type flowDelCmd struct {
	ruleArgs
	Strict bool `help:"Only the rule of exactly this match and priority."`
	All    bool `help:"Delete every rule of the bridge."`
}

func (c *flowDelCmd) Run(e *env) error {
	if c.All == (len(c.Flows) > 0 || c.File != "") {
		return usageError{errors.New("want either matches, as arguments or by --file, or --all")}
	}
	return c.change(e, api.FlowDel, c.Strict, "deleted")
}

type flowDumpCmd struct {
	Bridge string `arg:"" optional:"" help:"Rules of this bridge only."`
	Match  string `arg:"" optional:"" help:"Rules at least as specific as this match only."`
}

func (c *flowDumpCmd) Run(e *env) error {
	return show(e, api.FlowDump, api.FlowMatch{Bridge: c.Bridge, Match: c.Match}, printRules)
}

// printRules prints the rules as ovs-ofctl dump-flows does; several bridges each below its name.
func printRules(w io.Writer, rules []api.Rule) {
	bridges := make(map[string]bool)
	for _, r := range rules {
		bridges[r.Bridge] = true
	}
	last := ""
	for _, r := range rules {
		if len(bridges) > 1 && r.Bridge != last {
			last = r.Bridge
			fmt.Fprintf(w, "%s:\n", r.Bridge)
		}
		fmt.Fprintf(w, " %s\n", r.Text)
	}
}

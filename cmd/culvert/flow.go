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

// change sends rules and prints what became of them; done is the word for what the command is for.
func (r *ruleArgs) change(e *env, method api.Method[api.FlowText, api.RulesChanged], strict bool, done string) error {
	t, err := r.text(e)
	if err != nil {
		return err
	}
	t.Strict = strict
	return show(e, method, t, func(w io.Writer, c api.RulesChanged) { fmt.Fprintln(w, whatChanged(c, done)) })
}

// whatChanged says how many rules were changed and how: "3 rules added, 1 changed". Of none it says that none
// were what the command is for.
func whatChanged(c api.RulesChanged, done string) string {
	text := ""
	for _, p := range [...]struct {
		n   int
		how string
	}{{c.Added, "added"}, {c.Changed, "changed"}, {c.Deleted, "deleted"}} {
		switch {
		case p.n == 0:
		case text == "":
			text = fmt.Sprintf("%d %s %s", p.n, plural(p.n, "rule", "rules"), p.how)
		default:
			text += fmt.Sprintf(", %d %s", p.n, p.how)
		}
	}
	if text == "" {
		return "0 rules " + done
	}
	return text
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// bundleFlag is for scripts written for ovs-ofctl.
type bundleFlag struct {
	Bundle bool `help:"As ovs-ofctl takes it: all changes or none, at once. They always are."`
}

type flowAddCmd struct {
	ruleArgs
	bundleFlag
}

func (c *flowAddCmd) Run(e *env) error {
	if len(c.Flows) == 0 && c.File == "" {
		return usageError{errors.New("want rules as arguments or --file")}
	}
	return c.change(e, api.FlowAdd, false, "added")
}

type flowReplaceCmd struct {
	ruleArgs
	bundleFlag
}

func (c *flowReplaceCmd) Run(e *env) error {
	t, err := c.file(e)
	if err != nil {
		return err
	}
	return show(e, api.FlowReplace, t, func(w io.Writer, r api.Replaced) {
		fmt.Fprintf(w, "%d %s added, %d removed\n", r.Added, plural(r.Added, "rule", "rules"), r.Removed)
	})
}

type flowDiffCmd struct {
	ruleArgs
}

func (c *flowDiffCmd) Run(e *env) error {
	t, err := c.file(e)
	if err != nil {
		return err
	}
	differ := false
	err = show(e, api.FlowDiff, t, func(w io.Writer, d api.Difference) {
		differ = len(d.Lines) > 0
		for _, l := range d.Lines {
			fmt.Fprintln(w, l)
		}
	})
	if err == nil && differ {
		return errDiffer
	}
	return err
}

// file returns the rules of a command that is about a bridge's rules as a whole: none are a mistake
// rather than a wish.
func (r *ruleArgs) file(e *env) (api.FlowText, error) {
	if len(r.Flows) == 0 && r.File == "" {
		return api.FlowText{}, usageError{errors.New("want rules as arguments or --file")}
	}
	return r.text(e)
}

type flowModCmd struct {
	ruleArgs
	bundleFlag
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
	bundleFlag
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

	NoStats bool   `help:"Without counters and durations: what flow add takes."`
	Names   bool   `help:"With names of ports instead of numbers."`
	Sort    string `help:"By this match field or by priority, the lowest first." placeholder:"FIELD" xor:"sort"`
	Rsort   string `help:"The same, the highest first." placeholder:"FIELD" xor:"sort"`
}

func (c *flowDumpCmd) Run(e *env) error {
	return show(e, api.FlowDump, api.FlowMatch{
		Bridge: c.Bridge, Match: c.Match, NoStats: c.NoStats, Names: c.Names, Sort: c.Sort + c.Rsort, Falling: c.Rsort != "",
	}, printRules)
}

type flowAggregateCmd struct {
	Bridge string `arg:"" optional:"" help:"Rules of this bridge only."`
	Match  string `arg:"" optional:"" help:"Rules at least as specific as this match only."`
}

func (c *flowAggregateCmd) Run(e *env) error {
	return show(e, api.FlowAggregate, api.FlowFilter{Bridge: c.Bridge, Match: c.Match}, func(w io.Writer, a api.Aggregate) {
		fmt.Fprintf(w, "packet_count=%d byte_count=%d flow_count=%d\n", a.Packets, a.Bytes, a.Flows)
	})
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

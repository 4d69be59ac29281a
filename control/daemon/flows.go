package daemon

import (
	"context"
	"errors"
	"strings"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/control/config"
	"github.com/culvertdev/culvert/datapath/rules/openflow"
)

// onBridge calls f with a bridge, and then waits until no packet is handled by rules as they were.
func (d *Daemon) onBridge(name string, f func(*bridge) (int, error)) (api.Changed, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	b, err := d.bridge(name)
	if err != nil {
		return api.Changed{}, err
	}
	n, err := f(b)
	if err != nil {
		return api.Changed{}, err
	}
	d.sw.Sync()
	return api.Changed{Count: n}, nil
}

func (d *Daemon) flowAdd(_ context.Context, t api.FlowText) (api.Changed, error) {
	return d.onBridge(t.Bridge, func(b *bridge) (int, error) {
		flows, err := parseLines(t, openflow.Parser{Ports: b.table}.ParseFlow)
		if err != nil {
			return 0, err
		}
		return len(flows), b.table.AddFlows(flows)
	})
}

func (d *Daemon) flowMod(_ context.Context, t api.FlowText) (api.Changed, error) {
	return d.onBridge(t.Bridge, func(b *bridge) (int, error) {
		parser := openflow.Parser{Ports: b.table}
		mods, err := parseLines(t, func(s string) (openflow.Mod, error) { return parser.ParseMod(s, t.Strict) })
		if err != nil {
			return 0, err
		}
		total := 0
		for _, m := range mods {
			n, err := b.table.ModFlows(m)
			if err != nil {
				return 0, err
			}
			total += n
		}
		return total, nil
	})
}

func (d *Daemon) flowDel(_ context.Context, t api.FlowText) (api.Changed, error) {
	return d.onBridge(t.Bridge, func(b *bridge) (int, error) {
		parser := openflow.Parser{Ports: b.table}
		filters, err := parseLines(t, func(s string) (openflow.Filter, error) { return parser.ParseFilter(s, t.Strict) })
		if err != nil {
			return 0, err
		}
		if len(t.Lines) == 0 {
			filters = append(filters, openflow.AllFlows())
		}
		total := 0
		for _, f := range filters {
			total += b.table.DeleteFlows(f)
		}
		return total, nil
	})
}

func (d *Daemon) flowDump(_ context.Context, m api.FlowMatch) ([]api.Rule, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	bridges, err := d.chosen(m.Bridge)
	if err != nil {
		return nil, err
	}
	d.sw.Sync() // rules are told of their traffic by walks over the flow cache: what came since the last one too
	out := []api.Rule{}
	for _, b := range bridges {
		filter, err := openflow.Parser{Ports: b.table}.ParseFilter(m.Match, false)
		if err != nil {
			return nil, api.Errorf(api.BadParams, "match: %v", err)
		}
		for _, f := range b.table.Flows(filter) {
			out = append(out, apiRule(b.name, &f))
		}
	}
	return out, nil
}

func apiRule(bridge string, f *openflow.FlowStats) api.Rule {
	return api.Rule{
		Bridge: bridge, Text: f.Text(openflow.Format{}),
		Table: int(f.Table), Priority: int(f.Priority), Cookie: f.Cookie,
		Match: f.Match.String(), Actions: string(openflow.AppendActions(nil, f.Actions)),
		Packets: f.Packets, Bytes: f.Bytes,
		DurationSeconds: f.Duration.Seconds(), IdleSeconds: f.Idle.Seconds(),
	}
}

// parseLines parses the lines of a request, all or none. Blank lines and what follows a # say nothing.
// Mistakes are reported together.
func parseLines[T any](t api.FlowText, parse func(string) (T, error)) ([]T, error) {
	name := t.Name
	if name == "" {
		name = "rule"
	}
	var all []T
	var wrong config.Errors
	for i, line := range t.Lines {
		line, _, _ = strings.Cut(line, "#")
		if strings.TrimSpace(line) == "" {
			continue
		}
		one, err := parse(line)
		if err != nil {
			e := config.Error{Place: config.Place{File: name, Line: i + 1}, Problem: err.Error()}
			var at *openflow.SyntaxError
			if errors.As(err, &at) {
				e.Column, e.Problem = at.Col, at.Problem
			}
			wrong = append(wrong, e)
			continue
		}
		all = append(all, one)
	}
	if len(wrong) > 0 {
		return nil, ConfigError(wrong)
	}
	return all, nil
}

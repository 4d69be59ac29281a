package daemon

import (
	"cmp"
	"context"
	"errors"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/control/config"
	"github.com/culvertdev/culvert/datapath/rules/openflow"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// onBridge calls f with a bridge, and then waits until no packet is handled by rules as they were. The
// daemon is not locked meanwhile: changes at the same time share that wait (datapath.Switch.Sync).
func (d *Daemon) onBridge(name string, f func(*bridge) (int, error)) (api.Changed, error) {
	b, err := d.ruleBridge(name)
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

// ruleBridge returns a bridge with OpenFlow rules, whose table may be used without the lock.
func (d *Daemon) ruleBridge(name string) (*bridge, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	b, err := d.bridge(name)
	if err == nil {
		err = b.needRules()
	}
	return b, err
}

func (d *Daemon) flowAdd(_ context.Context, t api.FlowText) (api.RulesChanged, error) {
	return d.flowChange(t, openflow.Parser.ParseChange)
}

func (d *Daemon) flowMod(_ context.Context, t api.FlowText) (api.RulesChanged, error) {
	return d.flowChange(t, func(p openflow.Parser, s string) (openflow.Change, error) {
		m, err := p.ParseMod(s, t.Strict)
		return openflow.Change{Op: openflow.OpModify, Mod: m}, err
	})
}

func (d *Daemon) flowDel(_ context.Context, t api.FlowText) (api.RulesChanged, error) {
	if len(t.Lines) == 0 {
		return d.changeRules(t.Bridge, func(b *bridge) (openflow.Tally, error) {
			return openflow.Tally{Deleted: b.table.DeleteFlows(openflow.AllFlows())}, nil
		})
	}
	return d.flowChange(t, func(p openflow.Parser, s string) (openflow.Change, error) {
		x, err := p.ParseFilter(s, t.Strict)
		return openflow.Change{Op: openflow.OpDelete, Mod: openflow.Mod{Filter: x}}, err
	})
}

// flowChange makes the changes that the lines of a request are, all or none.
func (d *Daemon) flowChange(t api.FlowText, parse func(openflow.Parser, string) (openflow.Change, error)) (api.RulesChanged, error) {
	return d.changeRules(t.Bridge, func(b *bridge) (openflow.Tally, error) {
		parser, rules := b.table.Parser(), rulesOf(t)
		changes, lines, err := readLines(rules, func(s string) (openflow.Change, error) { return parse(parser, s) })
		if err != nil {
			return openflow.Tally{}, err
		}
		done, err := b.table.Apply(changes)
		return done, refusedLine(rules, lines, err)
	})
}

// changeRules is onBridge for what changes rules.
func (d *Daemon) changeRules(name string, f func(*bridge) (openflow.Tally, error)) (api.RulesChanged, error) {
	var done openflow.Tally
	n, err := d.onBridge(name, func(b *bridge) (n int, err error) {
		done, err = f(b)
		return done.Total(), err
	})
	return api.RulesChanged{Count: n.Count, Added: done.Added, Changed: done.Modified, Deleted: done.Deleted}, err
}

// bundle makes the changes of rules and groups that the lines of a request are, all or none, in one step.
func (d *Daemon) bundle(_ context.Context, t api.FlowText) (api.BundleDone, error) {
	var done openflow.Sum
	_, err := d.onBridge(t.Bridge, func(b *bridge) (int, error) {
		rules := rulesOf(t)
		list, lines, err := readLines(rules, b.table.Parser().ParseModification)
		if err != nil {
			return 0, err
		}
		done, err = b.table.Transact(list)
		return 0, refused(refusedLine(rules, lines, err))
	})
	return api.BundleDone{
		Rules:  api.RulesChanged{Count: done.Total(), Added: done.Added, Changed: done.Modified, Deleted: done.Deleted},
		Groups: done.Groups,
	}, err
}

func (d *Daemon) flowReplace(_ context.Context, t api.FlowText) (api.Replaced, error) {
	var done api.Replaced
	_, err := d.onBridge(t.Bridge, func(b *bridge) (int, error) {
		rules := rulesOf(t)
		flows, lines, err := readLines(rules, b.table.Parser().ParseFlow)
		if err != nil {
			return 0, err
		}
		done.Added, done.Removed, err = b.table.ReplaceFlows(flows)
		return 0, refusedLine(rules, lines, err)
	})
	return done, err
}

func (d *Daemon) flowDiff(_ context.Context, t api.FlowText) (api.Difference, error) {
	b, err := d.ruleBridge(t.Bridge)
	if err != nil {
		return api.Difference{}, err
	}
	flows, _, err := readLines(rulesOf(t), b.table.Parser().ParseFlow)
	if err != nil {
		return api.Difference{}, err
	}
	var now []openflow.Flow
	for _, f := range b.table.Flows(openflow.AllFlows()) {
		now = append(now, f.Flow)
	}
	return api.Difference{Lines: append([]string{}, openflow.Diff(now, flows)...)}, nil
}

func (d *Daemon) flowDump(_ context.Context, m api.FlowMatch) ([]api.Rule, error) {
	by := flow.NoField
	if m.Sort != "" && m.Sort != "priority" {
		var ok bool
		if by, ok = flow.FieldByName(m.Sort); !ok {
			return nil, api.Errorf(api.BadParams, "sort: want priority or a match field, found %q%s", m.Sort, flow.Hint(m.Sort, "priority"))
		}
	}
	out := []api.Rule{}
	err := d.eachMatching(m.Bridge, m.Match, func(b *bridge, flows []openflow.FlowStats) {
		if m.Sort != "" {
			openflow.SortFlows(flows, by, m.Falling)
		}
		form := openflow.Format{NoStats: m.NoStats}
		if m.Names {
			form.Names = b.table
		}
		for i := range flows {
			out = append(out, apiRule(b.name, &flows[i], form))
		}
	})
	return out, err
}

func (d *Daemon) flowAggregate(_ context.Context, m api.FlowFilter) (sum api.Aggregate, err error) {
	err = d.eachMatching(m.Bridge, m.Match, func(_ *bridge, flows []openflow.FlowStats) {
		sum.Flows += len(flows)
		for i := range flows {
			sum.Packets += flows[i].Packets
			sum.Bytes += flows[i].Bytes
		}
	})
	return sum, err
}

// eachMatching calls f with the rules of a bridge, or of each if it is not named, that are at least as specific as match.
func (d *Daemon) eachMatching(bridge, match string, f func(*bridge, []openflow.FlowStats)) error {
	d.mu.Lock()
	bridges, err := d.chosenRules(bridge)
	d.mu.Unlock()
	if err != nil {
		return err
	}
	d.sw.Sync() // rules are told of their traffic by walks over the flow cache: what came since the last one too
	for _, b := range bridges {
		filter, err := readOne("match", match, func(s string) (openflow.Filter, error) { return b.table.Parser().ParseFilter(s, false) })
		if err != nil {
			return err
		}
		f(b, b.table.Flows(filter))
	}
	return nil
}

func apiRule(bridge string, f *openflow.FlowStats, form openflow.Format) api.Rule {
	return api.Rule{
		Bridge: bridge, Text: f.Text(form),
		Table: int(f.Table), Priority: int(f.Priority), Cookie: f.Cookie,
		Match: f.MatchText(), Actions: string(openflow.AppendActions(nil, f.Actions)),
		Packets: f.Packets, Bytes: f.Bytes,
		DurationSeconds: f.Duration.Seconds(), IdleSeconds: f.Idle.Seconds(),
	}
}

// rulesOf returns the rules of a request.
func rulesOf(t api.FlowText) text { return text{name: cmp.Or(t.Name, "rule"), lines: t.Lines} }

// refusedLine says of which line the change is that could not be made.
func refusedLine(t text, lines []int, err error) error {
	var at *openflow.ChangeError
	if !errors.As(err, &at) {
		return err
	}
	return ConfigError(config.Errors{t.mistake(lines[at.Index], at.Err)})
}

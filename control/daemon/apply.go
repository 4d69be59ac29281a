package daemon

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"reflect"
	"runtime/debug"
	"slices"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/control/config"
	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules/openflow"
	ruleunderlay "github.com/culvertdev/culvert/datapath/rules/underlay"
	"github.com/culvertdev/culvert/encap/underlay"
)

// configApply checks the configuration a client sent and makes the switch what it says.
func (d *Daemon) configApply(ctx context.Context, sent api.Configuration) (api.Applied, error) {
	c, err := config.Parse(config.Source{
		Name: sent.Name, Text: sent.Text, Drivers: d.o.Drivers.Types(),
		ReadFile: func(path string) ([]byte, error) {
			text, ok := sent.Files[path]
			if !ok {
				return nil, &fs.PathError{Op: "read", Path: path, Err: errors.New("not sent with the configuration")}
			}
			return []byte(text), nil
		},
	})
	if err == nil {
		var done api.Applied
		if done, err = d.change(ctx, c); err == nil {
			return done, nil
		}
	}
	var wrong config.Errors
	if errors.As(err, &wrong) {
		return api.Applied{}, ConfigError(wrong)
	}
	return api.Applied{}, err
}

// change applies a configuration to the running switch and logs what that changed.
func (d *Daemon) change(ctx context.Context, c *config.Config) (api.Applied, error) {
	done, err := d.apply(ctx, c)
	if err != nil {
		return done, err
	}
	if d.o.Level != nil {
		d.o.Level.Set(c.Log.Level)
	}
	// Reading a large configuration leaves garbage that the collector, set up to run rarely, would keep
	// for long: 100,000 rules leave some 200 MB.
	debug.FreeOSMemory()
	d.log.Info("configuration applied",
		"ports_added", len(done.PortsAdded), "ports_removed", len(done.PortsRemoved), "ports_changed", len(done.PortsChanged),
		"rules_added", done.RulesAdded, "rules_removed", done.RulesRemoved)
	for _, section := range done.Restart {
		d.log.Warn("the new value waits for a restart", "section", section)
	}
	return done, nil
}

// apply makes the bridges, ports and rules what c says. Nothing changes when it fails: all that can be
// wrong is found before the first change.
func (d *Daemon) apply(ctx context.Context, c *config.Config) (done api.Applied, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.sw.Ports()
	plans, err := planAll(c, d.bridges, now, openflow.Options{Clock: d.clock.Now}, d.stack)
	if err != nil {
		return done, err
	}
	target := datapath.Config{}
	bridges := make(map[string]*bridge, len(plans))
	for _, p := range plans {
		target.Bridges = append(target.Bridges, p.target())
		bridges[p.name] = p.bridge
	}
	if err := d.sw.Apply(ctx, target); err != nil {
		return done, err
	}
	d.bridges = bridges
	if err := settleUnderlay(d.stack, c, plans); err != nil {
		return done, err
	}
	d.settleFollowers(c)
	d.overlays.settle(c)
	done = portDifference(now, target)
	for _, p := range plans {
		added, removed, err := p.settle()
		if err != nil {
			return done, err
		}
		done.RulesAdded += added
		done.RulesRemoved += removed
	}
	d.sw.Sync()
	d.settleSocket(c)
	d.restart = waiting(d.o.Config, c)
	done.Restart = d.restart
	return done, nil
}

// planAll prepares what c asks of each bridge, of which there are some, and of their ports, of which now says
// what they are. New bridges stand on the underlay.
func planAll(c *config.Config, bridges map[string]*bridge, now []datapath.PortStatus, tables openflow.Options, stack *underlay.Stack) ([]*plan, error) {
	var wrong config.Errors
	var plans []*plan
	for _, b := range c.Bridges {
		numbers := make(map[string]uint32)
		for _, p := range now {
			if p.Bridge == b.Name {
				numbers[p.Name] = p.Number
			}
		}
		b.Ports = assignNumbers(b.Ports, numbers)
		p, err := newPlan(bridges[b.Name], b, tables)
		var some config.Errors
		if errors.As(err, &some) {
			wrong = append(wrong, some...)
		} else if err != nil {
			return nil, err
		} else if p.front == nil {
			p.front = ruleunderlay.New(p.decides(), stack)
		}
		plans = append(plans, p)
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	return plans, nil
}

// portDifference says by name which ports a change added, removed and changed.
func portDifference(before []datapath.PortStatus, after datapath.Config) api.Applied {
	done := api.Applied{PortsAdded: []string{}, PortsRemoved: []string{}, PortsChanged: []string{}}
	old := make(map[string]datapath.PortStatus, len(before))
	for _, p := range before {
		old[p.Name] = p
	}
	for _, b := range after.Bridges {
		for _, p := range b.Ports {
			was, ok := old[p.Name]
			delete(old, p.Name)
			switch {
			case !ok:
				done.PortsAdded = append(done.PortsAdded, p.Name)
			case was.Bridge != b.Name || was.Number != p.Number || !samePort(was.Config, p):
				done.PortsChanged = append(done.PortsChanged, p.Name)
			}
		}
	}
	done.PortsRemoved = slices.AppendSeq(done.PortsRemoved, maps.Keys(old))
	slices.Sort(done.PortsRemoved)
	return done
}

func samePort(a, b datapath.PortConfig) bool {
	return a.Driver == b.Driver && maps.Equal(a.Options, b.Options) &&
		a.VLAN.Equal(&b.VLAN) && a.Protected == b.Protected && a.Multicast == b.Multicast && a.Limits == b.Limits
}

// waiting returns the sections of a configuration that differ from those the daemon was started with
// and take effect only at the next start.
func waiting(started, now *config.Config) []string {
	var all []string
	for _, s := range []struct {
		name     string
		was, now any
	}{
		{"control", started.Control, now.Control},
		{"metrics", started.Metrics, now.Metrics},
		{"frames", started.Frames, now.Frames},
		{"workers", started.Workers, now.Workers},
		{"caches", started.Caches, now.Caches},
		{"slow-path", started.SlowPath, now.SlowPath},
		{"vlan-limit", started.VLANLimit, now.VLANLimit},
	} {
		if !reflect.DeepEqual(s.was, s.now) {
			all = append(all, s.name)
		}
	}
	return all
}

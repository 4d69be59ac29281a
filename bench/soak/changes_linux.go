package soak

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/culvertdev/culvert/bench/traffic"
	"github.com/culvertdev/culvert/control/api"
)

// portAgain removes a port and adds it after a while.
func (c *churn) portAgain(ctx context.Context) (string, error) {
	all := ports(c.now, c.net.capture)
	name := all[c.r.IntN(len(all))].Name
	return name, c.without(ctx, name, func() error {
		pause(ctx, between(c.r, 0, time.Second))
		return nil
	})
}

// without calls f while a port is not there.
func (c *churn) without(ctx context.Context, name string, f func() error) error {
	all := ports(c.now, c.net.capture)
	p := all[slices.IndexFunc(all, func(p api.NewPort) bool { return p.Name == name })]
	c.epochs.turn(name)
	defer c.epochs.turn(name)
	if _, err := call(ctx, c, api.PortDel, api.PortName{Name: name}); err != nil {
		return err
	}
	err := f()
	_, addErr := call(ctx, c, api.PortAdd, p)
	return errors.Join(err, addErr)
}

// configure applies the other configuration.
func (c *churn) configure(ctx context.Context) (string, error) {
	other := plain + altered - c.now
	return fmt.Sprint("variant ", other), c.apply(ctx, other)
}

func (c *churn) apply(ctx context.Context, v variant) error {
	c.epochs.turn(changes()...)
	defer c.epochs.turn(changes()...)
	_, err := call(ctx, c, api.ConfigApply, c.config(v, ""))
	if err == nil {
		c.now = v
	}
	return err
}

// applyAgain applies what is there already, which must change nothing. The daemon gives memory back to the
// system after it has applied a configuration: what is resident then is what lives.
func (c *churn) applyAgain(ctx context.Context) error {
	did, err := call(ctx, c, api.ConfigApply, c.config(c.now, ""))
	if err != nil {
		return err
	}
	if n := len(did.PortsAdded) + len(did.PortsRemoved) + len(did.PortsChanged) + did.RulesAdded + did.RulesRemoved; n > 0 {
		return fmt.Errorf("the configuration that was there already changed something: %+v", did)
	}
	return nil
}

// config is a variant as config.apply takes it, with something at its end.
func (c *churn) config(v variant, more string) api.Configuration {
	return api.Configuration{
		Name: "soak.yaml",
		Text: fmt.Sprintf("control: {socket: %s}\n%s%s", c.net.daemon.Socket, configuration(v, c.net.capture), more),
	}
}

// misconfigure sends a configuration that must be refused and change nothing.
func (c *churn) misconfigure(ctx context.Context) (string, error) {
	before, err := call(ctx, c, api.FlowDump, api.FlowMatch{})
	if err != nil {
		return "", err
	}
	_, err = call(ctx, c, api.ConfigApply, c.config(plain+altered-c.now, "  - {name: br2, flows: [\"priority=1,actions=outputt:1\"]}\n"))
	var sent *api.Error
	if !errors.As(err, &sent) || sent.Code != api.BadConfig {
		return "", fmt.Errorf("want the configuration refused, got %v", err)
	}
	after, err := call(ctx, c, api.FlowDump, api.FlowMatch{})
	if err == nil && len(before) != len(after) {
		err = fmt.Errorf("a refused configuration changed the rules from %d to %d", len(before), len(after))
	}
	return "", err
}

// changeRules adds rules of no consequence to the stations, changes them and deletes them.
func (c *churn) changeRules(ctx context.Context) (string, error) {
	var add, mod []string
	n := 1 + c.r.IntN(40)
	for range n {
		match := fmt.Sprintf("priority=%d,ip,nw_src=192.0.2.%d,nw_dst=198.51.%d.0/24", 1000+c.r.IntN(1000), c.r.IntN(256), c.r.IntN(256))
		add = append(add, "cookie=0x50a4,"+match+",actions=drop")
		mod = append(mod, "cookie=0x50a4,"+match+",actions=NORMAL")
	}
	lines := func(l []string) api.FlowText { return api.FlowText{Bridge: mainBridge, Lines: l} }
	if _, err := call(ctx, c, api.FlowAdd, lines(add)); err != nil {
		return "add", err
	}
	pause(ctx, between(c.r, 0, 500*time.Millisecond))
	if _, err := call(ctx, c, api.FlowMod, lines(mod)); err != nil {
		return "mod", err
	}
	pause(ctx, between(c.r, 0, 500*time.Millisecond))
	if _, err := call(ctx, c, api.FlowDel, lines([]string{"cookie=0x50a4/-1"})); err != nil {
		return "del", err
	}
	left, err := call(ctx, c, api.FlowDump, api.FlowMatch{Bridge: mainBridge})
	if err == nil && slices.ContainsFunc(left, func(r api.Rule) bool { return strings.Contains(r.Text, "cookie=0x50a4") }) {
		err = errors.New("deleted rules are still there")
	}
	return fmt.Sprint(n, " rules"), err
}

// silence adds a rule that drops what a host sends, which must hold from the moment the call returns.
func (c *churn) silence(ctx context.Context) (string, error) {
	i := 1 + c.r.IntN(len(c.mtu)-2) // not a, and not e, whose packets come from another bridge
	h := c.net.lab.Hosts[i]
	rule := "priority=40000,dl_src=" + h.MAC.String()
	lines := func(l string) api.FlowText { return api.FlowText{Bridge: mainBridge, Lines: []string{l}} }
	if _, err := call(ctx, c, api.FlowAdd, lines(rule+",actions=drop")); err != nil {
		return h.Name(), err
	}
	e, pingErr := traffic.Ping{Count: 3, Timeout: 100 * time.Millisecond}.Run(ctx, h.Namespace, c.net.stations[0].v4)
	if _, err := call(ctx, c, api.FlowDel, api.FlowText{Bridge: mainBridge, Lines: []string{"dl_src=" + h.MAC.String()}}); err != nil {
		return h.Name(), err
	}
	if pingErr == nil && e.Received > 0 {
		return h.Name(), fmt.Errorf("a rule drops what it sends, but pings came back: %s", e)
	}
	return h.Name(), nil
}

func (c *churn) flush(ctx context.Context) (string, error) {
	bridge := [...]string{mainBridge, farBridge}[c.r.IntN(2)]
	_, err := call(ctx, c, api.FDBFlush, api.FDBFilter{Bridge: bridge})
	return bridge, err
}

// look asks for everything there is to see.
func (c *churn) look(ctx context.Context) (string, error) {
	if _, err := call(ctx, c, api.Show, api.Nothing{}); err != nil {
		return "show", err
	}
	if _, err := call(ctx, c, api.FDBShow, api.BridgeName{}); err != nil {
		return "fdb.show", err
	}
	if _, err := call(ctx, c, api.FlowDump, api.FlowMatch{}); err != nil {
		return "flow.dump", err
	}
	_, err := call(ctx, c, api.CacheDump, api.CacheFilter{Limit: 100})
	return "cache.dump", err
}

package daemon

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/control/config"
	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules"
)

func (d *Daemon) portList(_ context.Context, f api.PortFilter) ([]api.Port, error) {
	d.mu.Lock()
	_, known := d.bridges[f.Bridge]
	d.mu.Unlock()
	if f.Bridge != "" && !known {
		return nil, noBridge(f.Bridge)
	}
	out := []api.Port{}
	for _, p := range d.sw.Ports() {
		if (f.Bridge == "" || p.Bridge == f.Bridge) && (f.Name == "" || p.Name == f.Name) {
			out = append(out, apiPort(&p))
		}
	}
	if f.Name != "" && len(out) == 0 {
		return nil, noPort(f.Name)
	}
	return out, nil
}

// portAdd adds a port that lives until it is removed, or a configuration without it is applied.
func (d *Daemon) portAdd(ctx context.Context, n api.NewPort) (api.Port, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	b, err := d.bridge(n.Bridge)
	if err != nil {
		return api.Port{}, err
	}
	driver, ok := d.o.Drivers[n.Type]
	if !ok {
		return api.Port{}, api.Errorf(api.BadParams, "port type %q: want one of %s", n.Type, strings.Join(slices.Sorted(maps.Keys(d.o.Drivers)), ", "))
	}
	if !config.ValidName(n.Name) {
		return api.Port{}, api.Errorf(api.BadParams, "port name %q: want %s", n.Name, config.NameRule)
	}
	if err := driver.Check(n.Options); err != nil {
		return api.Port{}, api.Errorf(api.BadParams, "port %s: %s", n.Name, strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	words := config.VLAN(n.VLAN)
	vlan, err := words.Rules()
	if err != nil {
		return api.Port{}, api.Errorf(api.BadParams, "port %s: %v", n.Name, err)
	}
	p := datapath.PortConfig{
		Name: n.Name, Driver: n.Type, Number: n.Number, Options: n.Options, VLAN: vlan, Protected: n.Protected,
		Multicast: rules.PortMulticast(n.PortMulticast), Limits: datapath.PortLimits(n.Limits),
	}
	if err := d.sw.AddPort(ctx, b.name, p); err != nil {
		return api.Port{}, portError(err)
	}
	return d.port(n.Name)
}

// port returns the state of the port of that name.
func (d *Daemon) port(name string) (api.Port, error) {
	for _, p := range d.sw.Ports() {
		if p.Name == name {
			return apiPort(&p), nil
		}
	}
	return api.Port{}, noPort(name)
}

// portMod changes what a port takes part in, until it is removed.
func (d *Daemon) portMod(_ context.Context, m api.PortMod) (api.Port, error) {
	set, clear, err := portFlags(m.Settings)
	if err != nil {
		return api.Port{}, err
	}
	if err := d.sw.SetPortFlags(m.Name, set, clear); err != nil {
		return api.Port{}, portError(err)
	}
	return d.port(m.Name)
}

func (d *Daemon) portDel(_ context.Context, p api.PortName) (api.Nothing, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return api.Nothing{}, portError(d.sw.DelPort(p.Name))
}

// portError gives errors of the switch the code they have on the control socket.
func portError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, datapath.ErrExists):
		return api.Errorf(api.Exists, "%v", err)
	case errors.Is(err, datapath.ErrNoPort), errors.Is(err, datapath.ErrNoBridge):
		return api.Errorf(api.NotFound, "%v", err)
	}
	return err
}

func noPort(name string) error { return api.Errorf(api.NotFound, "port %s: no such port", name) }

func noBridge(name string) error { return api.Errorf(api.NotFound, "bridge %s: no such bridge", name) }

package daemon

import (
	"context"
	"slices"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/control/config"
	"github.com/culvertdev/culvert/datapath/rules/openflow"
)

func (d *Daemon) mirrorList(_ context.Context, n api.BridgeName) ([]api.Mirror, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	bridges, err := d.chosenRules(n.Bridge)
	if err != nil {
		return nil, err
	}
	out := []api.Mirror{}
	for _, b := range bridges {
		for _, m := range b.table.Mirrors() {
			out = append(out, apiMirror(b.name, &m))
		}
	}
	return out, nil
}

func (d *Daemon) mirrorAdd(_ context.Context, n api.NewMirror) (api.Nothing, error) {
	m, err := mirrorOf(&n.MirrorConfig)
	if err != nil {
		return api.Nothing{}, err
	}
	_, err = d.onBridge(n.Bridge, func(b *bridge) (int, error) {
		ports := slices.Concat(m.SelectSrc, m.SelectDst)
		if m.OutputPort != "" {
			ports = append(ports, m.OutputPort)
		}
		for _, name := range ports {
			id, err := d.portOn(b, name)
			if err != nil {
				return 0, err
			}
			if bond, _, _ := b.table.PlaceName(id); bond != name {
				return 0, api.Errorf(api.BadParams, "port %s: want the bond that it is a member of, %s", name, bond)
			}
		}
		return 1, refused(b.table.AddMirror(m))
	})
	return api.Nothing{}, err
}

func (d *Daemon) mirrorDel(_ context.Context, n api.MirrorName) (api.Nothing, error) {
	_, err := d.onBridge(n.Bridge, func(b *bridge) (int, error) { return 1, refused(b.table.DeleteMirror(n.Name)) })
	return api.Nothing{}, err
}

// mirrorOf returns a mirror as rule tables take it.
func mirrorOf(c *api.MirrorConfig) (openflow.Mirror, error) {
	m := openflow.Mirror{
		Name: c.Name, SelectAll: c.SelectAll, SelectSrc: c.SelectSrc, SelectDst: c.SelectDst, OutputPort: c.OutputPort,
	}
	switch {
	case !config.ValidName(c.Name):
		return m, api.Errorf(api.BadParams, "mirror name %q: want %s", c.Name, config.NameRule)
	case c.OutputVLAN < 0 || c.OutputVLAN > maxVLAN:
		return m, badVLAN(c.OutputVLAN)
	case c.Snaplen < 0 || c.Snaplen > openflow.MaxSnaplen:
		return m, api.Errorf(api.BadParams, "snaplen %d: want %d to %d bytes", c.Snaplen, openflow.MinSnaplen, openflow.MaxSnaplen)
	}
	m.OutputVLAN, m.Snaplen = uint16(c.OutputVLAN), uint16(c.Snaplen)
	for _, n := range c.VLANs {
		if n < 0 || n > maxVLAN {
			return m, badVLAN(n)
		}
		m.SelectVLANs = append(m.SelectVLANs, uint16(n))
	}
	if err := m.Check(); err != nil {
		return m, api.Errorf(api.BadParams, "%v", err)
	}
	return m, nil
}

func apiMirror(bridge string, m *openflow.MirrorStatus) api.Mirror {
	out := api.Mirror{
		Bridge: bridge, Active: m.Active, Packets: m.Packets, Bytes: m.Bytes,
		MirrorConfig: api.MirrorConfig{
			Name: m.Name, SelectAll: m.SelectAll, SelectSrc: m.SelectSrc, SelectDst: m.SelectDst,
			OutputPort: m.OutputPort, OutputVLAN: int(m.OutputVLAN), Snaplen: int(m.Snaplen),
		},
	}
	for _, v := range m.SelectVLANs {
		out.VLANs = append(out.VLANs, int(v))
	}
	return out
}

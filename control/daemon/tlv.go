package daemon

import (
	"context"
	"slices"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/datapath/rules/openflow"
	"github.com/culvertdev/culvert/flowcache/flow"
)

func (d *Daemon) tlvAdd(_ context.Context, o api.TLVOptions) (api.Changed, error) {
	return d.tlvChange(o, true, (*openflow.Table).AddTunnelOptions)
}

func (d *Daemon) tlvDel(_ context.Context, o api.TLVOptions) (api.Changed, error) {
	return d.tlvChange(o, len(o.Options) > 0, (*openflow.Table).DelTunnelOptions)
}

// tlvChange changes a bridge's tunnel options. It counts how many there are more, or less.
func (d *Daemon) tlvChange(o api.TLVOptions, named bool, change func(*openflow.Table, []flow.Option) error) (api.Changed, error) {
	if named && len(o.Options) == 0 {
		return api.Changed{}, api.Errorf(api.BadParams, "options: want some, found none")
	}
	lists, _, err := readLines(text{name: "option", lines: o.Options}, flow.ParseOptions)
	if err != nil {
		return api.Changed{}, err
	}
	return d.onBridge(o.Bridge, func(b *bridge) (int, error) {
		before := len(b.table.TunnelOptions().Options())
		if err := change(b.table, slices.Concat(lists...)); err != nil {
			return 0, refused(err)
		}
		return max(len(b.table.TunnelOptions().Options())-before, before-len(b.table.TunnelOptions().Options())), nil
	})
}

func (d *Daemon) tlvShow(_ context.Context, n api.BridgeName) ([]api.TLVMap, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	bridges, err := d.chosenRules(n.Bridge)
	if err != nil {
		return nil, err
	}
	out := []api.TLVMap{}
	for _, b := range bridges {
		m := b.table.TunnelOptions()
		shown := api.TLVMap{Bridge: b.name, UsedBytes: m.Used(), MaxBytes: flow.OptionSize, Options: []api.TLVOption{}, Text: m.String()}
		for _, o := range m.Options() {
			shown.Options = append(shown.Options, api.TLVOption{
				Class: int(o.Class), Type: int(o.Type), Length: int(o.Size), Field: o.Field.String(),
			})
		}
		out = append(out, shown)
	}
	return out, nil
}

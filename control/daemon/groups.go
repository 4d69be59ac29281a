package daemon

import (
	"cmp"
	"context"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/datapath/rules/openflow"
)

func (d *Daemon) groupAdd(_ context.Context, t api.GroupText) (api.Changed, error) {
	return d.groupChange(t, func(b *bridge, list []openflow.GroupMod) error { return b.table.AddGroups(groupsOf(list)) })
}

func (d *Daemon) groupMod(_ context.Context, t api.GroupText) (api.Changed, error) {
	return d.groupChange(t, func(b *bridge, list []openflow.GroupMod) error {
		return b.table.ModGroups(groupsOf(list), t.MayCreate)
	})
}

func (d *Daemon) groupInsert(_ context.Context, t api.GroupText) (api.Changed, error) {
	return d.groupChange(t, func(b *bridge, list []openflow.GroupMod) error {
		return b.table.InsertBuckets(list)
	})
}

func (d *Daemon) groupRemove(_ context.Context, t api.GroupText) (api.Changed, error) {
	return d.groupChange(t, func(b *bridge, list []openflow.GroupMod) error {
		return b.table.RemoveBuckets(list)
	})
}

func (d *Daemon) groupDel(_ context.Context, t api.GroupText) (api.Changed, error) {
	if len(t.Lines) == 0 {
		return d.onBridge(t.Bridge, func(b *bridge) (int, error) {
			groups, _ := b.table.DeleteGroups()
			return groups, nil
		})
	}
	return d.groupChange(t, func(b *bridge, list []openflow.GroupMod) error {
		ids := make([]uint32, len(list))
		for i := range list {
			ids[i] = list[i].ID
		}
		_, err := b.table.DeleteGroup(ids...)
		return err
	})
}

// groupsOf returns the groups of what was read.
func groupsOf(list []openflow.GroupMod) []openflow.Group {
	groups := make([]openflow.Group, len(list))
	for i := range list {
		groups[i] = list[i].Group
	}
	return groups
}

// groupChange makes the changes that the lines of a request are, all or none, and counts them.
func (d *Daemon) groupChange(t api.GroupText, change func(*bridge, []openflow.GroupMod) error) (api.Changed, error) {
	return d.onBridge(t.Bridge, func(b *bridge) (int, error) {
		if len(t.Lines) == 0 {
			return 0, api.Errorf(api.BadParams, "lines: want groups, found none")
		}
		list, _, err := readLines(text{name: cmp.Or(t.Name, "group"), lines: t.Lines}, b.table.Parser().ParseGroup)
		if err != nil {
			return 0, err
		}
		return len(list), refused(change(b, list))
	})
}

func (d *Daemon) groupDump(_ context.Context, n api.BridgeName) ([]api.Group, error) {
	d.mu.Lock()
	bridges, err := d.chosenRules(n.Bridge)
	d.mu.Unlock()
	if err != nil {
		return nil, err
	}
	d.sw.Sync() // groups count, as rules do, what walks over the flow cache tell them
	out := []api.Group{}
	for _, b := range bridges {
		for _, g := range b.table.Groups() {
			shown := api.Group{
				Bridge: b.name, ID: g.ID, Type: g.Type.String(), Rules: g.Refs, Packets: g.Packets, Bytes: g.Bytes,
				Seconds: g.Duration.Seconds(), Buckets: []api.Bucket{}, Text: g.Group.String(), Stats: g.Text(),
			}
			for i, k := range g.Buckets {
				shown.Buckets = append(shown.Buckets, api.Bucket{ID: g.Group.Buckets[i].ID, Packets: k.Packets, Bytes: k.Bytes})
			}
			out = append(out, shown)
		}
	}
	return out, nil
}

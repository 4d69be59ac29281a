package daemon

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/datapath/lacp"
	"github.com/culvertdev/culvert/datapath/rules/bond"
	"github.com/culvertdev/culvert/datapath/rules/openflow"
)

// bondTick is how often bonds do what is due: the resolution of their delays.
const bondTick = 100 * time.Millisecond

// runBonds lets bonds do what is due. Cached flows that are concerned have followed before the next look.
func (d *Daemon) runBonds(ctx context.Context) {
	d.every(ctx, bondTick, func(bridges []*bridge) {
		changed := false
		for _, b := range bridges {
			if b.gateway == nil {
				changed = b.table.RunBonds(d.clock.Now()) || changed
			}
		}
		if changed {
			d.sw.Sync()
		}
	})
}

func (d *Daemon) bondShow(_ context.Context, n api.BridgeName) ([]api.Bond, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	bridges, err := d.chosenRules(n.Bridge)
	if err != nil {
		return nil, err
	}
	out := []api.Bond{}
	for _, b := range bridges {
		for _, s := range b.table.Bonds() {
			out = append(out, apiBond(b.name, &s))
		}
	}
	return out, nil
}

// bonds returns the bonds of all bridges, for the metrics.
func (d *Daemon) bonds() []api.Bond {
	all, err := d.bondShow(context.Background(), api.BridgeName{})
	if err != nil {
		return nil // there is no bridge
	}
	return all
}

func (d *Daemon) bondSetActive(_ context.Context, p api.BondPort) (api.Nothing, error) {
	return d.onBond(p, func(t *openflow.Table) error { return t.SetActiveMember(p.Bond, p.Port) })
}

func (d *Daemon) bondEnable(_ context.Context, p api.BondPort) (api.Nothing, error) {
	return d.onBond(p, func(t *openflow.Table) error { return t.EnableMember(p.Bond, p.Port, true) })
}

func (d *Daemon) bondDisable(_ context.Context, p api.BondPort) (api.Nothing, error) {
	return d.onBond(p, func(t *openflow.Table) error { return t.EnableMember(p.Bond, p.Port, false) })
}

// onBond changes a bond. When it returns, packets go as the bond says.
func (d *Daemon) onBond(p api.BondPort, change func(*openflow.Table) error) (api.Nothing, error) {
	_, err := d.onBridge(p.Bridge, func(b *bridge) (int, error) {
		err := change(b.table)
		switch {
		case errors.Is(err, openflow.ErrNoBond), errors.Is(err, bond.ErrNoMember):
			return 0, api.Errorf(api.NotFound, "%v", err)
		case err != nil:
			return 0, api.Errorf(api.Failed, "%v", err)
		}
		return 1, nil
	})
	return api.Nothing{}, err
}

func apiBond(bridge string, s *bond.State) api.Bond {
	out := api.Bond{
		Bridge: bridge, Name: s.Name, Mode: s.Mode.String(), Active: s.Active, Primary: s.Primary, HashBasis: s.HashBasis,
		UpDelaySeconds: s.UpDelay.Seconds(), DownDelaySeconds: s.DownDelay.Seconds(), RebalanceSeconds: s.NextRebalance.Seconds(),
		AllMembersActive: s.AllMembersActive, Members: []api.BondMember{},
		LACP: api.LACP{Mode: s.LACP.String(), Status: s.Status.String(), Fast: s.Fast, FallbackAB: s.FallbackAB},
	}
	if s.LACP != bond.LACPOff {
		out.LACP.System = net.HardwareAddr(s.System[:]).String()
		out.LACP.SystemPriority, out.LACP.Key = s.SystemPriority, s.Key
	}
	for _, m := range s.Members {
		one := api.BondMember{
			Port: m.Name, Enabled: m.Enabled, MayEnable: m.MayEnable, Disabled: m.Held, DueSeconds: m.Due.Seconds(), Hashes: m.Buckets, Load: m.Load,
		}
		if l := m.LACP; l != nil {
			one.LACP = &api.MemberLACP{
				Status: l.Status, Attached: l.Attached, Actor: apiLACPEnd(&l.Actor), Partner: apiLACPEnd(&l.Partner),
				Received: l.Received, Bad: l.Bad, Sent: l.Sent,
			}
		}
		out.Members = append(out.Members, one)
	}
	return out
}

func apiLACPEnd(i *lacp.Info) api.LACPEnd {
	return api.LACPEnd{
		System: net.HardwareAddr(i.System[:]).String(), SystemPriority: i.SystemPriority, Port: i.Port,
		PortPriority: i.PortPriority, Key: i.Key, State: i.State.String(),
	}
}

package daemon

import (
	"context"
	"fmt"
	"net"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/control/config"
	"github.com/culvertdev/culvert/datapath/rules/fdb"
	"github.com/culvertdev/culvert/datapath/rules/gateway"
	"github.com/culvertdev/culvert/datapath/rules/openflow"
)

// newGatewayPlan is newPlan for a gateway.
func newGatewayPlan(b *bridge, c config.Bridge, tables openflow.Options) (*plan, error) {
	p := &plan{bridge: b, isNew: b == nil, ports: c.Ports, routes: c.Gateway}
	p.options.MACTableSize, p.options.MACAgeing = c.MACTableSize, c.MACAging
	if !p.isNew {
		return p, nil
	}
	t, err := gateway.New(*c.Gateway, gateway.Options{
		MACTableSize: c.MACTableSize, MACAgeing: c.MACAging, Clock: tables.Clock, Seed: tables.Seed,
	})
	if err != nil {
		return nil, fmt.Errorf("bridge %s: %w", c.Name, err)
	}
	p.bridge = &bridge{name: c.Name, gateway: t}
	return p, nil
}

// settleGateway is settle for a gateway. Its rules are not counted: what changes is changed as a whole.
func (p *plan) settleGateway() (added, removed int, err error) {
	if p.isNew {
		return 0, 0, nil
	}
	err = p.gateway.SetOptions(gateway.Options{MACTableSize: p.options.MACTableSize, MACAgeing: p.options.MACAgeing})
	if err == nil {
		err = p.gateway.SetConfig(*p.routes)
	}
	if err != nil {
		err = fmt.Errorf("bridge %s: %w", p.name, err)
	}
	return 0, 0, err
}

// show returns what is known of the bridge as a whole.
func (b *bridge) show() api.Bridge {
	out := api.Bridge{Name: b.name, Table: "openflow", MACs: len(b.addresses()), Ports: []api.Port{}}
	if b.gateway != nil {
		out.Table, out.Rules = "gateway", len(b.gateway.Rules())
		return out
	}
	out.Rules = b.table.Len()
	return out
}

// addresses returns the Ethernet addresses the bridge knows. On a gateway they are in the VLAN of the tag that
// their port has there.
func (b *bridge) addresses() []fdb.Entry {
	if b.gateway == nil {
		return b.table.Addresses()
	}
	var list []fdb.Entry
	for _, a := range b.gateway.Addresses() {
		a.Entry.Key = fdb.MakeKey(a.VLAN, a.Entry.Key.MAC())
		list = append(list, a.Entry)
	}
	return list
}

// flush makes the bridge forget learned addresses.
func (b *bridge) flush(f fdb.Filter) int {
	if b.gateway == nil {
		return b.table.FlushAddresses(f)
	}
	return b.gateway.FlushAddresses(f)
}

func (d *Daemon) gatewayShow(_ context.Context, n api.BridgeName) ([]api.Gateway, error) {
	d.mu.Lock()
	bridges, err := d.chosen(n.Bridge)
	d.mu.Unlock()
	if err != nil {
		return nil, err
	}
	d.sw.Sync() // rules are told of their traffic by walks over the flow cache
	out := []api.Gateway{}
	for _, b := range bridges {
		switch {
		case b.gateway != nil:
			out = append(out, apiGateway(b))
		case n.Bridge != "":
			return nil, api.Errorf(api.BadParams, "bridge %s: its table has OpenFlow rules, it is no gateway", b.name)
		}
	}
	return out, nil
}

func apiGateway(b *bridge) api.Gateway {
	c := b.gateway.Config()
	out := api.Gateway{
		Bridge: b.name, Interfaces: []api.GatewayInterface{}, Routes: []api.GatewayRoute{},
		Neighbours: []api.GatewayNeighbour{}, ACL: []api.GatewayRule{}, Default: "permit",
	}
	if c.Deny {
		out.Default = "deny"
	}
	for _, f := range c.Interfaces {
		one := api.GatewayInterface{Name: f.Name, MAC: net.HardwareAddr(f.MAC[:]).String(), Ports: []string{}, Addresses: []string{}}
		for _, m := range f.Members {
			name := m.Port
			if m.VLAN != 0 {
				name = fmt.Sprintf("%s.%d", m.Port, m.VLAN)
			}
			one.Ports = append(one.Ports, name)
		}
		for _, p := range f.Addresses {
			one.Addresses = append(one.Addresses, p.String())
		}
		out.Interfaces = append(out.Interfaces, one)
	}
	for _, r := range c.Routes {
		one := api.GatewayRoute{To: r.To.String()}
		for _, via := range r.Via {
			one.Via = append(one.Via, via.String())
		}
		out.Routes = append(out.Routes, one)
	}
	for _, h := range b.gateway.Neighbours() {
		one := api.GatewayNeighbour{Interface: h.Interface, Address: h.Address.String(), State: h.State, AgeSeconds: h.Age.Seconds()}
		if h.MAC != [6]byte{} {
			one.MAC = net.HardwareAddr(h.MAC[:]).String()
		}
		out.Neighbours = append(out.Neighbours, one)
	}
	for _, r := range b.gateway.Rules() {
		out.ACL = append(out.ACL, api.GatewayRule{Text: r.Rule.String(), Packets: r.Packets, Bytes: r.Bytes})
	}
	return out
}

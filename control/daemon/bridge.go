package daemon

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/control/config"
	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/gateway"
	"github.com/culvertdev/culvert/datapath/rules/openflow"
	ruleunderlay "github.com/culvertdev/culvert/datapath/rules/underlay"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// normalRule makes a bridge without rules of its own a learning switch.
const normalRule = "priority=0 actions=NORMAL"

// A bridge is a rule table that lives as long as the configuration has a bridge of its name with a table of
// its kind: either one with OpenFlow rules or a gateway.
type bridge struct {
	name    string
	table   *openflow.Table
	gateway *gateway.Table
	front   *ruleunderlay.Table // around either
}

// rules returns the rule table as the switch knows it.
func (b *bridge) rules() rules.Table { return b.front }

// decides returns the rule table inside.
func (b *bridge) decides() rules.Table {
	if b.gateway != nil {
		return b.gateway
	}
	return b.table
}

// tunnelOptions returns which tunnel options are fields of the bridge's rules: none, nil, on a gateway.
func (b *bridge) tunnelOptions() *flow.TLVMap {
	if b.gateway != nil {
		return nil
	}
	return b.table.TunnelOptions()
}

// version counts the changes of what the bridge knows.
func (b *bridge) version() uint64 {
	if b.gateway != nil {
		return b.gateway.Version()
	}
	return b.table.Version()
}

// expire ends what has had its time.
func (b *bridge) expire(now int64) {
	if b.gateway != nil {
		b.gateway.Expire(now)
		return
	}
	b.table.Expire(now)
}

// needRules refuses what only a bridge with OpenFlow rules can do.
func (b *bridge) needRules() error {
	if b.gateway != nil {
		return api.Errorf(api.BadParams, "bridge %s: its table is a gateway, which takes neither flows nor static addresses: its configuration says what it does", b.name)
	}
	return nil
}

// A plan is what a configuration asks of one bridge, checked, and not yet done.
type plan struct {
	*bridge
	isNew   bool
	options openflow.Options
	meters  []openflow.Meter
	mirrors []openflow.Mirror
	bonds   []openflow.Bond
	ports   []config.Port
	flows   []openflow.Flow
	groups  []openflow.Group
	tlv     *flow.TLVMap
	routes  *gateway.Config // of a gateway, in place of flows
	limits  map[uint8]openflow.Limit
}

// newPlan checks what c, whose ports all have numbers, asks of a bridge. b is nil if there is none yet;
// tables has the settings of rule tables that are no bridge's choice.
func newPlan(b *bridge, c config.Bridge, tables openflow.Options) (*plan, error) {
	if b != nil && (b.gateway != nil) != (c.Gateway != nil) {
		b = nil // a table of the other kind takes its place
	}
	if c.Gateway != nil {
		return newGatewayPlan(b, c, tables)
	}
	p := &plan{bridge: b, isNew: b == nil, ports: c.Ports, options: tables, limits: c.Limits, meters: c.Meters, mirrors: c.Mirrors, bonds: c.Bonds}
	p.options.MACTableSize, p.options.MACAgeing = c.MACTableSize, c.MACAging
	p.options.ForwardBPDU, p.options.FloodVLANs = c.ForwardBPDU, c.FloodVLANs
	p.options.Fragments, p.options.Snooping = c.Fragments, c.Snooping
	p.options.PacketInRate, p.options.PacketInBurst = c.PacketInRate, c.PacketInBurst
	if c.Normal {
		c.Rules = []config.Rule{{Text: normalRule}}
	}
	var err error
	var now *flow.TLVMap
	if b != nil {
		now = b.table.TunnelOptions()
	}
	if p.tlv, err = now.Replace(c.TunnelOptions); err != nil {
		return nil, fmt.Errorf("bridge %s: tunnel-options: %w", c.Name, err)
	}
	if p.flows, p.groups, err = c.Flows(c.Ports, p.tlv); err != nil {
		return nil, err
	}
	if !p.isNew {
		return p, nil
	}
	table, err := openflow.New(p.options)
	if err != nil {
		return nil, fmt.Errorf("bridge %s: %w", c.Name, err)
	}
	table.SetTunnelOptions(p.tlv)
	if err := table.AddGroups(p.groups); err != nil {
		return nil, fmt.Errorf("bridge %s: %w", c.Name, err)
	}
	if err := table.PutMeters(p.meters); err != nil {
		return nil, fmt.Errorf("bridge %s: %w", c.Name, err)
	}
	if err := table.AddFlows(p.flows); err != nil {
		return nil, fmt.Errorf("bridge %s: %w", c.Name, err)
	}
	if err := table.SetLimits(p.limits); err != nil {
		return nil, fmt.Errorf("bridge %s: %w", c.Name, err)
	}
	if err := table.SetBonds(p.bonds); err != nil {
		return nil, fmt.Errorf("bridge %s: %w", c.Name, err)
	}
	if err := table.SetMirrors(p.mirrors); err != nil {
		return nil, fmt.Errorf("bridge %s: %w", c.Name, err)
	}
	p.bridge = &bridge{name: c.Name, table: table}
	return p, nil
}

// target is what the switch is to make of the bridge.
func (p *plan) target() datapath.BridgeConfig {
	b := datapath.BridgeConfig{Name: p.name, Table: p.rules()}
	for _, port := range p.ports {
		b.Ports = append(b.Ports, datapath.PortConfig{
			Name: port.Name, Driver: port.Type, Options: port.Options, Number: port.Number,
			VLAN: port.VLAN, Protected: port.Protected, Multicast: port.Multicast, Limits: port.Limits,
		})
	}
	return b
}

// settle gives a bridge that was there before its options and rules, and counts the rules that came and
// went. The parser has checked all that could be wrong with them.
func (p *plan) settle() (added, removed int, err error) {
	if p.gateway != nil {
		return p.settleGateway()
	}
	if p.isNew {
		return p.table.Len(), 0, nil
	}
	if err := p.table.SetOptions(p.options); err != nil {
		return 0, 0, fmt.Errorf("bridge %s: %w", p.name, err)
	}
	p.table.SetTunnelOptions(p.tlv)
	if err := p.table.SetBonds(p.bonds); err != nil {
		return 0, 0, fmt.Errorf("bridge %s: %w", p.name, err)
	}
	if err := p.table.SetMirrors(p.mirrors); err != nil {
		return 0, 0, fmt.Errorf("bridge %s: %w", p.name, err)
	}
	if err := p.table.SetGroups(p.groups); err != nil {
		return 0, 0, fmt.Errorf("bridge %s: %w", p.name, err)
	}
	if err := p.table.PutMeters(p.meters); err != nil {
		return 0, 0, fmt.Errorf("bridge %s: %w", p.name, err)
	}
	// The old limits may be in the way of the new rules, which the new ones have room for.
	if err := p.table.SetLimits(nil); err != nil {
		return 0, 0, fmt.Errorf("bridge %s: %w", p.name, err)
	}
	if added, removed, err = p.table.ReplaceFlows(p.flows); err != nil {
		return 0, 0, fmt.Errorf("bridge %s: %w", p.name, err)
	}
	if err := p.table.KeepGroups(p.groups); err != nil { // no rule names the others anymore
		return 0, 0, fmt.Errorf("bridge %s: %w", p.name, err)
	}
	if err := p.table.SetLimits(p.limits); err != nil {
		return 0, 0, fmt.Errorf("bridge %s: %w", p.name, err)
	}
	p.table.KeepMeters(p.meters)
	return added, removed, nil
}

// bridge finds a bridge; no name means the only one there is. d.mu is held.
func (d *Daemon) bridge(name string) (*bridge, error) { return bridgeNamed(d.bridges, name) }

func bridgeNamed(all map[string]*bridge, name string) (*bridge, error) {
	if name == "" && len(all) == 1 {
		for _, b := range all {
			return b, nil
		}
	}
	if name == "" {
		return nil, api.Errorf(api.BadParams, "want the name of a bridge: there are %d", len(all))
	}
	if b := all[name]; b != nil {
		return b, nil
	}
	return nil, noBridge(name)
}

// chosen returns the bridge of that name, or all by name if there is none. d.mu is held.
func (d *Daemon) chosen(name string) ([]*bridge, error) {
	if name != "" {
		b, err := d.bridge(name)
		return []*bridge{b}, err
	}
	return d.sortedBridges(), nil
}

// chosenRules is chosen of bridges with OpenFlow rules: one without is refused if it is named, and otherwise
// left out. d.mu is held.
func (d *Daemon) chosenRules(name string) ([]*bridge, error) {
	bridges, err := d.chosen(name)
	if err == nil && name != "" {
		err = bridges[0].needRules()
	}
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(bridges, func(b *bridge) bool { return b.gateway != nil }), nil
}

// sortedBridges returns all bridges by name. d.mu is held.
func (d *Daemon) sortedBridges() []*bridge {
	return slices.SortedFunc(maps.Values(d.bridges), func(a, b *bridge) int { return cmp.Compare(a.name, b.name) })
}

package openflow

import (
	"errors"
	"fmt"
	"slices"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/bond"
	"github.com/culvertdev/culvert/datapath/rules/fdb"
)

// A Bond makes one port for NORMAL, mirrors and multicast snooping of several of the bridge's (ovs-vswitchd.conf.db(5),
// Port table). Rules know its members as the ports they are. Settings that the members have themselves, apart from
// rules.Port.Flags, count as long as they are no bond's.
type Bond struct {
	bond.Config
	VLAN      rules.VLAN
	Protected bool
	Multicast rules.PortMulticast
}

func (b *Bond) equal(o *Bond) bool {
	return b.Config.Equal(&o.Config) && b.VLAN.Equal(&o.VLAN) && b.Protected == o.Protected && b.Multicast == o.Multicast
}

// bonded is a bond of the table.
type bonded struct {
	set      Bond
	id       uint32 // its place, which no datapath port has
	state    *bond.Bond
	announce []fdb.Key // addresses that its active member has yet to make known
}

// firstBond is the first id of a bond's place. Datapath ports have less, and so do OpenFlow numbers.
const firstBond = 1 << 16

func (b *bonded) has(port string) bool {
	return slices.ContainsFunc(b.set.Members, func(m bond.Member) bool { return m.Name == port })
}

// ErrNoBond is returned where a bond is named that the bridge has not.
var ErrNoBond = errors.New("no such bond")

// SetBonds makes these the bonds of the bridge. Those whose names it had go on as they are as far as they can. On an error
// nothing changes. The table keeps what the bonds refer to.
func (t *Table) SetBonds(list []Bond) error {
	if err := checkBonds(list); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if slices.EqualFunc(list, t.bonds, func(b Bond, old *bonded) bool { return b.equal(&old.set) }) {
		return nil
	}
	now := t.clock()
	var all []*bonded
	for _, set := range list {
		i := slices.IndexFunc(t.bonds, func(b *bonded) bool { return b.set.Name == set.Name })
		if i < 0 {
			all = append(all, &bonded{set: set, id: t.nextBond(), state: bond.New(set.Config)})
			continue
		}
		b := t.bonds[i]
		b.set = set
		b.state.SetConfig(set.Config, now, new(bond.Changes)) // everything has changed
		all = append(all, b)
	}
	t.bonds = all
	t.sourcesCount.Store(slices.ContainsFunc(all, func(b *bonded) bool { return b.set.Mode == bond.BalanceSLB }))
	t.arrangePorts()
	t.tellBonds(now)
	t.log.add(change{tag: ^uint64(0)}) // any port may be a member, and hosts' announcements count or do not
	return nil
}

func checkBonds(list []Bond) error {
	of := make(map[string]string) // bond of each port
	for i := range list {
		b := &list[i]
		if err := b.Check(); err != nil {
			return err
		}
		if slices.ContainsFunc(list[:i], func(o Bond) bool { return o.Name == b.Name }) {
			return fmt.Errorf("bond %s: there is another of that name", b.Name)
		}
		for _, m := range b.Members {
			if other := of[m.Name]; other != "" {
				return fmt.Errorf("bond %s: port %s is a member of bond %s", b.Name, m.Name, other)
			}
			of[m.Name] = b.Name
		}
	}
	return nil
}

// nextBond returns an id that no bond has had.
func (t *Table) nextBond() uint32 {
	t.lastBond = max(t.lastBond, firstBond-1) + 1
	return t.lastBond
}

// bondNamed returns a bond by its name. The caller holds a lock.
func (t *Table) bondNamed(name string) (*bonded, error) {
	for _, b := range t.bonds {
		if b.set.Name == name {
			return b, nil
		}
	}
	return nil, fmt.Errorf("bond %s: %w", name, ErrNoBond)
}

// Bonds returns the bonds as they are, in the order in which they were set.
func (t *Table) Bonds() []bond.State {
	t.mu.RLock()
	defer t.mu.RUnlock()
	now := t.clock()
	var all []bond.State
	for _, b := range t.bonds {
		all = append(all, b.state.State(now))
	}
	return all
}

// SetActiveMember makes a member of a bond the active one: see bond.Bond.SetActive.
func (t *Table) SetActiveMember(name, port string) error {
	return t.changeBond(name, func(b *bond.Bond, _ int64, ch *bond.Changes) error { return b.SetActive(port, ch) })
}

// EnableMember lets a member of a bond carry packets, or not: see bond.Bond.SetEnabled.
func (t *Table) EnableMember(name, port string, on bool) error {
	return t.changeBond(name, func(b *bond.Bond, now int64, ch *bond.Changes) error { return b.SetEnabled(port, on, now, ch) })
}

func (t *Table) changeBond(name string, do func(*bond.Bond, int64, *bond.Changes) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	b, err := t.bondNamed(name)
	if err != nil {
		return err
	}
	var ch bond.Changes
	if err := do(b.state, t.clock(), &ch); err != nil {
		return err
	}
	t.bondChanged(b, &ch)
	return nil
}

// Place returns where NORMAL learns what comes in by a port: its datapath port, or what stands for the bond whose name it
// is, or of which it is a member.
func (t *Table) Place(name string) (id uint32, ok bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for i := range t.ports.list {
		if port := &t.ports.list[i]; port.Name == name {
			return t.ports.place(port).ID, true
		}
	}
	if p := t.ports.named(name); p != nil {
		return p.ID, true
	}
	return 0, false
}

// PlaceName returns the name of a place that NORMAL has learned something on, and the OpenFlow number of the port, or of
// the bond's first member (as ovs-appctl fdb/show has it).
func (t *Table) PlaceName(id uint32) (name string, number uint32, ok bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	place := t.ports.byPlace[id]
	if place == nil {
		return "", 0, false
	}
	number = place.Number
	if b := t.ports.bonds[id]; b != nil {
		i := slices.IndexFunc(t.ports.list, func(p rules.Port) bool { return b.has(p.Name) })
		number = t.ports.list[i].Number
	}
	return place.Name, number, true
}

package openflow

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
)

// MaxMirrors is how many mirrors a bridge can have, as many as with Open vSwitch.
const MaxMirrors = 32

// Bounds of Mirror.Snaplen, in bytes (ovs-vswitchd.conf.db(5), Mirror, snaplen).
const (
	MinSnaplen = 14
	MaxSnaplen = 65535
)

// A Mirror sends copies of a bridge's packets to a port or into a VLAN (ovs-vswitchd.conf.db(5), Mirror
// table). Ports go by their names; those that are not there count as soon as they are.
type Mirror struct {
	Name                 string   // unique in the bridge
	SelectAll            bool     // what comes in or goes out by any port
	SelectSrc, SelectDst []string // what comes in, and what goes out, by one of these ports
	SelectVLANs          []uint16 // of the selected packets those of these VLANs only; empty: of all
	OutputPort           string   // a port that takes part in nothing else; or
	OutputVLAN           uint16   // a VLAN, 1 to 4095
	Snaplen              uint16   // bytes that are copied at most; 0: all
}

// Check says what is wrong with a mirror.
func (m *Mirror) Check() error {
	switch {
	case (m.OutputPort == "") == (m.OutputVLAN == 0):
		return fmt.Errorf("mirror %s: want either an output port or an output VLAN", m.Name)
	case m.OutputVLAN > 4095:
		return fmt.Errorf("mirror %s: output VLAN %d: want 1 to 4095", m.Name, m.OutputVLAN)
	case m.Snaplen != 0 && m.Snaplen < MinSnaplen:
		return fmt.Errorf("mirror %s: snaplen %d: want %d to %d bytes", m.Name, m.Snaplen, MinSnaplen, MaxSnaplen)
	}
	return nil
}

// A MirrorStatus is a mirror and what it has done.
type MirrorStatus struct {
	Mirror
	Active         bool   // there is something that it selects from and sends to
	Packets, Bytes uint64 // selected packets, whatever their copies were cut to
}

// A mirror is a Mirror and its counts, which stay as long as the bridge has one of its name.
type mirror struct {
	Mirror
	id    uint32 // of the name, in trails
	count *mirrorCount
}

type mirrorCount struct{ packets, bytes atomic.Uint64 }

// Errors of AddMirror and DeleteMirror.
var (
	ErrMirrorExists = errors.New("the bridge has a mirror of that name")
	ErrNoMirror     = errors.New("no such mirror")
	ErrMirrorsFull  = fmt.Errorf("a bridge has %d mirrors at most", MaxMirrors)
)

// SetMirrors makes these the mirrors of the bridge. Those whose names it had count on. On an error nothing
// changes. The table keeps what the mirrors refer to.
func (t *Table) SetMirrors(list []Mirror) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.setMirrors(list)
}

// AddMirror adds a mirror. On an error nothing changes. The table keeps what the mirror refers to.
func (t *Table) AddMirror(m Mirror) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.setMirrors(append(t.currentMirrors(), m))
}

// DeleteMirror removes a mirror.
func (t *Table) DeleteMirror(name string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := t.currentMirrors()
	rest := slices.DeleteFunc(list, func(m Mirror) bool { return m.Name == name })
	if len(rest) == len(list) {
		return fmt.Errorf("mirror %s: %w", name, ErrNoMirror)
	}
	return t.setMirrors(rest)
}

// currentMirrors returns the mirrors as their user sees them.
func (t *Table) currentMirrors() []Mirror {
	var list []Mirror
	for _, m := range t.mirrorList {
		list = append(list, m.Mirror)
	}
	return list
}

func (t *Table) setMirrors(list []Mirror) error {
	if len(list) > MaxMirrors {
		return ErrMirrorsFull
	}
	for i := range list {
		if err := list[i].Check(); err != nil {
			return err
		}
		if slices.ContainsFunc(list[:i], func(m Mirror) bool { return m.Name == list[i].Name }) {
			return fmt.Errorf("mirror %s: %w", list[i].Name, ErrMirrorExists)
		}
	}
	if slices.EqualFunc(list, t.mirrorList, func(m Mirror, old *mirror) bool { return m.equal(&old.Mirror) }) {
		return nil
	}
	t.mirrorList = t.renewed(list)
	t.arrangeMirrors()
	t.log.add(change{tag: ^uint64(0)}) // any verdict may depend on them
	return nil
}

// renewed returns mirrors with the counts that others of their names have.
func (t *Table) renewed(list []Mirror) []*mirror {
	var all []*mirror
	for _, m := range list {
		fresh := &mirror{Mirror: m}
		if i := slices.IndexFunc(t.mirrorList, func(old *mirror) bool { return old.Name == m.Name }); i >= 0 {
			fresh.id, fresh.count = t.mirrorList[i].id, t.mirrorList[i].count
		} else {
			t.lastMirror++
			fresh.id, fresh.count = t.lastMirror, new(mirrorCount)
		}
		all = append(all, fresh)
	}
	return all
}

// arrangeMirrors matches mirrors and ports. The caller holds the write lock.
func (t *Table) arrangeMirrors() { t.mirrors = newMirrors(t.mirrorList, t.ports) }

func (m *Mirror) equal(o *Mirror) bool {
	return m.Name == o.Name && m.SelectAll == o.SelectAll && m.OutputPort == o.OutputPort && m.OutputVLAN == o.OutputVLAN &&
		m.Snaplen == o.Snaplen && slices.Equal(m.SelectSrc, o.SelectSrc) && slices.Equal(m.SelectDst, o.SelectDst) &&
		slices.Equal(m.SelectVLANs, o.SelectVLANs)
}

// Mirrors returns the mirrors, in the order in which they were set.
func (t *Table) Mirrors() []MirrorStatus {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var all []MirrorStatus
	for _, m := range t.mirrorList {
		all = append(all, MirrorStatus{
			Mirror: m.Mirror, Active: m.OutputVLAN != 0 || t.ports.named(m.OutputPort) != nil,
			Packets: m.count.packets.Load(), Bytes: m.count.bytes.Load(),
		})
	}
	return all
}

// creditMirror counts traffic that the mirror with an id has selected, if it is still there.
func (t *Table) creditMirror(id uint32, packets, bytes uint64) {
	for _, m := range t.mirrorList {
		if m.id == id {
			m.count.packets.Add(packets)
			m.count.bytes.Add(bytes)
		}
	}
}

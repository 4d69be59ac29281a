package openflow

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/bond"
	"github.com/culvertdev/culvert/datapath/rules/fdb"
	"github.com/culvertdev/culvert/encap/wire"
)

// bondCounts is what bonds have sent and done.
type bondCounts struct {
	changed, moved, announced, lacpIn, lacpOut, unsent atomic.Uint64
}

// RunBonds does what is due for bonds at now: links that have been up or down for long enough count as such, load is shared
// out anew, LACP speaks, and addresses are announced. Call it some ten times a second; Expire does so as well. It
// reports whether verdicts may be others now.
func (t *Table) RunBonds(now int64) (changed bool) {
	t.mu.RLock()
	none := len(t.bonds) == 0
	t.mu.RUnlock()
	if none {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, b := range t.bonds {
		changed = t.runBond(b, now) || changed
		t.sayWhoIsHere(b)
	}
	return changed
}

// runBond does what is due for a bond. The caller holds the write lock, as that of what follows.
func (t *Table) runBond(b *bonded, now int64) (changed bool) {
	var ch bond.Changes
	b.state.Run(now, &ch, func(port uint32, frame []byte) {
		if t.sendBy(port, frame) {
			t.bondCounts.lacpOut.Add(1)
		}
	})
	t.bondChanged(b, &ch)
	return ch.Any()
}

// tellBonds tells the bonds what became of their ports.
func (t *Table) tellBonds(now int64) {
	links := make([]bond.Link, 0, len(t.given))
	for i := range t.given {
		p := &t.given[i]
		links = append(links, bond.Link{Name: p.Name, ID: p.ID, Number: uint16(p.Number), MAC: p.MAC, Up: p.Up})
	}
	for _, b := range t.bonds {
		var ch bond.Changes
		b.state.SetLinks(links, now, &ch)
		t.bondChanged(b, &ch)
	}
}

// bondChanged logs what a bond does otherwise than before.
func (t *Table) bondChanged(b *bonded, ch *bond.Changes) {
	if ch.Announce {
		b.announce = b.announce[:0]
		for _, e := range t.fdb.Entries(t.clock()) {
			if e.Port != b.id {
				b.announce = append(b.announce, e.Key)
			}
		}
	}
	if !ch.Any() {
		return
	}
	tag := uint64(0)
	if ch.All {
		tag |= t.portTag(b.id)
	}
	if ch.Active {
		tag |= t.activeTag(b.id)
		t.bondCounts.changed.Add(1)
	}
	for _, id := range ch.Members {
		if p := t.ports.byID[id]; p != nil {
			tag |= t.portTag(p.Number)
		}
	}
	for _, bucket := range ch.Buckets {
		tag |= t.bucketTag(b.id, bucket)
	}
	t.bondCounts.moved.Add(uint64(len(ch.Buckets)))
	if tag != 0 {
		t.log.add(change{tag: tag})
	}
}

// Tags of verdicts by which packets leave by a bond: which member is the active one, which one a bucket's. How it is chosen
// among these is the tag of the bond as a port, and what a member takes in that of its port.
func (t *Table) activeTag(id uint32) uint64 { return t.tag(2<<62 | 1<<34 | uint64(id)) }
func (t *Table) bucketTag(id uint32, bucket uint8) uint64 {
	return t.tag(2<<62 | 1<<35 | uint64(id)<<8 | uint64(bucket))
}

// announceAtOnce is how many addresses are announced in one run, so that other packets that tables send find room.
const announceAtOnce = 256

// sayWhoIsHere announces addresses of the bridge by the active member, so that the switches behind it learn where they are.
func (t *Table) sayWhoIsHere(b *bonded) {
	place := t.ports.byPlace[b.id]
	for n := 0; n < announceAtOnce && len(b.announce) > 0; n++ {
		key := b.announce[0]
		b.announce = b.announce[1:]
		port := b.exit(key)
		if place == nil || port == bond.None || !t.ports.carries(place, key.VLAN()) || !t.ports.carriesInside(place, 0) {
			continue
		}
		if t.sendBy(port, announcement(key, leavesTagged(place, key.VLAN()))) {
			t.bondCounts.announced.Add(1)
		}
	}
}

// exit returns the port that packets from an address leave by.
func (b *bonded) exit(from fdb.Key) uint32 {
	switch b.state.Way() {
	case bond.ByActive:
		return b.state.Active()
	case bond.BySource:
		return b.state.Bucket(b.state.SourceBucket(from.MAC(), from.VLAN()))
	}
	return bond.None
}

// leavesTagged reports whether packets of a VLAN that a port carries leave by it with that tag.
func leavesTagged(p *rules.Port, vlan uint16) bool {
	switch p.VLAN.Mode {
	case rules.VLANAccess, rules.VLANDot1qTunnel:
		return false
	case rules.VLANNativeUntagged:
		return vlan != p.VLAN.Tag
	}
	return vlan != 0
}

// announcement returns a frame by which a switch learns where an address is: a question of RARP (RFC 903), as Open vSwitch
// sends, that no host answers.
func announcement(key fdb.Key, tagged bool) []byte {
	const size, typeRARP = 60, 0x8035
	mac := key.MAC()
	f := append(make([]byte, 0, size+wire.VLANTagSize), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	f = append(f, mac[:]...)
	if tagged {
		f = binary.BigEndian.AppendUint16(f, tpid8021Q)
		f = binary.BigEndian.AppendUint16(f, key.VLAN())
	}
	end := len(f) + size - 2*len(mac)
	f = binary.BigEndian.AppendUint16(f, typeRARP)
	f = append(f, 0, 1, 8, 0, 6, 4, 0, 3) // Ethernet, IPv4, request reverse
	f = append(f, mac[:]...)
	f = append(f, 0, 0, 0, 0)
	f = append(f, mac[:]...)
	return append(f, make([]byte, end-len(f))...)
}

// sendBy sends a frame of the table's own by a port.
func (t *Table) sendBy(port uint32, frame []byte) bool {
	if t.sender == nil { // no switch: a trace, or a test
		return false
	}
	var p action.Program
	p.Output(port)
	if t.sender.Inject(port, frame, p.Words()) != nil {
		t.bondCounts.unsent.Add(1)
		return false
	}
	return true
}

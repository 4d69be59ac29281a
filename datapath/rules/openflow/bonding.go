package openflow

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/lacp"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/bond"
	"github.com/culvertdev/culvert/datapath/rules/fdb"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
)

var _ = [1]struct{}{}[flow.Version-3]

// heard takes what LACP's partner has sent, and reports whether the packet is that. It concerns no rule. Each of them is to
// be heard: they are never cached.
func (x *xlate) heard(in *rules.Port) bool {
	b := x.t.ports.bonds[in.ID]
	if b == nil || !b.state.Speaks() || !x.isLACP() {
		return false
	}
	x.spoil()
	x.v.NoCache = true
	x.v.Actions.Drop(action.ToBond)
	x.trace(0, ">>>> LACP, for bond %s <<<<", b.set.Name)
	if x.q.Live && len(x.q.Packet) >= wire.EthernetSize && x.mayChange() {
		x.t.bondCounts.lacpIn.Add(1)
		b.state.Hear(in.ID, x.q.Packet[wire.EthernetSize:], x.q.Now)
		x.t.runBond(b, x.q.Now)
	}
	return true
}

// isLACP reports whether the packet is of the slow protocols, without a tag. Types below 0x8000, IPv4 and ARP among them,
// are told apart by one bit.
func (x *xlate) isLACP() bool {
	typ := uint16(x.work.Uint(flow.FieldEthType))
	if typ < 0x8000 {
		x.seeBits(flow.FieldEthType, 0x8000)
		return false
	}
	x.see(flow.FieldEthType)
	return typ == lacp.EtherType && !x.tagged()
}

// admitted is the steps "Bond admissions" of NORMAL: whether a bond lets a packet in that came by a port of it.
func (x *xlate) admitted(b *bonded, port, place *rules.Port, src fdb.Key, dst [6]byte, announces bool) bool {
	x.v.Tags |= x.t.portTag(b.id) | x.t.portTag(port.Number)
	switch b.state.Admit(port.ID, dst[0]&1 != 0) {
	case bond.Accepted:
		return true
	case bond.Refused:
		x.because(action.BondRefused)
		x.trace(x.level(), "-> bonding refused admissibility, dropping")
		return false
	}
	x.v.Tags |= x.t.sourceTag(src)
	if id, known := x.t.fdb.Lookup(src); !known || id == place.ID {
		return true
	}
	if announces {
		if !x.t.fdb.Locked(src, x.q.Now) {
			return true // the host has moved there
		}
		x.v.NoCache = true // the lock ends by itself
	}
	x.because(action.BondLooped)
	x.trace(x.level(), "-> SLB bond thinks this packet looped back, dropping")
	return false
}

// announces reports whether the packet says to all where its sender is: a gratuitous ARP.
func (x *xlate) announces() bool {
	if !x.need(flow.NeedARP) {
		return false
	}
	x.see(flow.FieldEthDst)
	if [6]byte(x.work.Bytes(flow.FieldEthDst)) != [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff} {
		return false
	}
	const request, reply = 1, 2
	x.see(flow.FieldARPOp)
	switch x.work.Uint(flow.FieldARPOp) {
	case reply:
		return true
	case request:
		x.see(flow.FieldARPSPA)
		x.see(flow.FieldARPTPA)
		return x.work.Uint(flow.FieldARPSPA) == x.work.Uint(flow.FieldARPTPA)
	}
	return false
}

// leave returns the port that a packet leaves a bond by. It is nil if there is none, or hashed: which one the packet's hash
// has to say.
func (x *xlate) leave(b *bonded, m *member) (port *rules.Port, hashed bool) {
	x.v.Tags |= x.t.portTag(b.id)
	id := bond.None
	switch b.state.Way() {
	case bond.ByHash:
		return nil, true
	case bond.ByActive:
		x.v.Tags |= x.t.activeTag(b.id)
		id = b.state.Active()
	case bond.BySource:
		x.see(flow.FieldEthSrc)
		id = x.byBucket(b, b.state.SourceBucket([6]byte(x.work.Bytes(flow.FieldEthSrc)), m.vlan))
	}
	return x.linkOf(b, id), false
}

// byBucket returns the id of the port that a bucket's packets leave by, and has them counted.
func (x *xlate) byBucket(b *bonded, bucket uint8) uint32 {
	x.v.Tags |= x.t.bucketTag(b.id, bucket)
	x.v.Trail = append(x.v.Trail, bondWord(b.id, bucket))
	return b.state.Bucket(bucket)
}

// linkOf returns a member's port by its id; nil, and why, if there is none.
func (x *xlate) linkOf(b *bonded, id uint32) *rules.Port {
	port := x.t.ports.byID[id]
	if port == nil {
		x.because(action.BondDown)
		if x.q.Trace != nil {
			x.trace(x.level(), "-> bond %s has no member that carries packets, dropping", b.set.Name)
		}
		return nil
	}
	x.v.Tags |= x.t.portTag(port.Number) // its flags
	return port
}

// A toBond is the content of a context: a packet that has a hash and is to leave by the member of a bond that this says.
type toBond struct {
	bond  uint32
	trunc uint32 // bytes that are sent at most; 0: all
}

func (*toBond) kind() contentKind { return contentToBond }

// intern returns the id of the context, 0 if there are too many.
func (o *toBond) intern(t *Table, now int64) uint32 {
	c := t.contexts
	buf := c.buffers.Get().(*[]byte)
	defer c.buffers.Put(buf)
	*buf = binary.BigEndian.AppendUint32(append((*buf)[:0], byte(contentToBond)), o.bond)
	*buf = binary.BigEndian.AppendUint32(*buf, o.trunc)
	if id := c.find(*buf, now); id != 0 {
		return id
	}
	return c.add(*buf, &toBond{o.bond, o.trunc}, true, now)
}

// outputHashed sends the packet by a bond on whose hash the member depends: a copy of it comes back with one.
func (x *xlate) outputHashed(b *bonded, place *rules.Port) {
	if len(x.v.Actions.Words()) > maxProgram {
		x.fail(action.TooManyActions)
		return
	}
	x.spoil()
	x.onCopy(func() {
		id := (&toBond{b.id, x.trunc}).intern(x.t, x.q.Now)
		if id == 0 {
			x.fail(action.ContextsFull)
			return
		}
		x.commit()
		x.name(id)
		x.v.Actions.Hash(action.HashL4, foldBasis(b.set.HashBasis))
		x.v.Actions.Recirc(id)
		x.outputs++
	})
	x.mirrorEgress(place)
}

// leaveHashed sends a packet that has come back with its hash by a bond.
func (x *xlate) leaveHashed(o *toBond) {
	x.v.Tags |= x.t.portTag(o.bond)
	b := x.t.ports.bonds[o.bond]
	if b == nil {
		x.because(action.NoPort)
		return
	}
	id := bond.None
	switch b.state.Way() {
	case bond.ByHash:
		x.seeBits(flow.FieldDPHash, bond.Buckets-1)
		id = x.byBucket(b, uint8(x.work.Uint(flow.FieldDPHash)))
	case bond.ByActive, bond.BySource: // since the packet was on its way
		x.v.Tags |= x.t.activeTag(b.id)
		id = b.state.Active()
	}
	port := x.linkOf(b, id)
	if port == nil || x.barred(port) {
		return
	}
	x.trunc = o.trunc
	x.emit(port)
}

// creditBond counts traffic that went out by a bucket of a bond.
func (t *Table) creditBond(w, bytes uint64) {
	if b := t.ports.bonds[uint32(w>>8)]; b != nil {
		b.state.Account(uint8(w), bytes)
	}
}

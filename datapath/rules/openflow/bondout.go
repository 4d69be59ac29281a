package openflow

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/bond"
	"github.com/culvertdev/culvert/flowcache/flow"
)

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

// internToBond returns the id of the context for o, 0 if there are too many.
func (t *Table) internToBond(o toBond, now int64) uint32 {
	c := t.contexts
	buf := c.buffers.Get().(*[]byte)
	defer c.buffers.Put(buf)
	*buf = binary.BigEndian.AppendUint32(append((*buf)[:0], byte(contentToBond)), o.bond)
	*buf = binary.BigEndian.AppendUint32(*buf, o.trunc)
	if id := c.find(*buf, now); id != 0 {
		return id
	}
	kept := o
	return c.add(*buf, &kept, true, now)
}

// outputHashed sends the packet by a bond on whose hash the member depends: a copy of it comes back with one.
func (x *xlate) outputHashed(b *bonded, place *rules.Port) {
	if len(x.v.Actions.Words()) > maxProgram {
		x.fail(action.TooManyActions)
		return
	}
	x.spoil()
	x.onCopy(func() {
		id := x.t.internToBond(toBond{b.id, x.trunc}, x.q.Now)
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

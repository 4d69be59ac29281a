package flowcache

import (
	"math/bits"

	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/ring/slab"
)

var _ = [1]struct{}{}[flow.Version-3]

// A Reader is one worker's access to the megaflow cache. Its memory is reused for every batch.
//
// Thread-safety: one goroutine at a time; any number of readers at once, and one writer beside them.
type Reader struct {
	m      *Megaflow
	epoch  *Epoch
	tally  *tally
	hints  hints
	latest []latest // by port

	// Scratch of one look-up. What belongs to packet group[j] is at index j.
	group   [frame.MaxBatch]uint16 // packets of one port that no mask matched yet
	rest    [frame.MaxBatch]uint16 // packets of other ports
	hash    [frame.MaxBatch]uint64
	header  [frame.MaxBatch]uint64 // word 0 of the primary bucket
	cand    [frame.MaxBatch]Slot   // flow to compare with; 0: none
	near    [frame.MaxBatch]Slot   // those of cand that are not 0, one after the other
	touched byte                   // keeps the compiler from dropping loads made for their side effect
}

// NewReader returns a reader for a worker, which is online. Safe for any goroutine.
func (m *Megaflow) NewReader() *Reader {
	r := &Reader{m: m, epoch: m.epochs.Register(), tally: m.takeTally()}
	r.hints = newHints(r, m.Cap())
	r.latest = slab.New[latest](r, maxPorts)
	return r
}

// Close ends the reader. What it counted stays in the sums. The worker must use it no more; safe for
// any goroutine.
func (r *Reader) Close() {
	if r.m == nil {
		return
	}
	r.epoch.Unregister()
	r.m.giveTally(r.tally)
	*r = Reader{}
}

// Tick says that the worker is done with all slots and lists it got. Once per poll cycle.
func (r *Reader) Tick() { r.epoch.Tick() }

// Offline is Tick before the worker sleeps: nobody waits for it until Online.
func (r *Reader) Offline() { r.epoch.Offline() }

// Online ends Offline; it comes before the first look-up.
func (r *Reader) Online() { r.epoch.Online() }

// Actions returns what to do with packets of the flow in s. The list is valid until the next tick.
func (r *Reader) Actions(s Slot) ListID { return r.m.entries[s].actions() }

// Verdict is Actions with the flow's version, as they were at one moment.
func (r *Reader) Verdict(s Slot) (actions ListID, version uint32) {
	v := r.m.entries[s].verdict.Load()
	return ListID(v), uint32(v >> 32)
}

// Life is Megaflow.Life.
func (r *Reader) Life(s Slot) uint32 { return r.m.Life(s) }

// Credit counts packets of the flow in s, of so many bytes together, at time now in ns. It must come
// before the tick that ends the cycle in which s was found.
func (r *Reader) Credit(s Slot, packets, bytes uint64, now int64) {
	bump(&r.tally.rows[s], packets, bytes, now)
}

// CreditEach counts packets, one after the other: packet i is of the flow in slots[i], a slot that Verdict has been asked about, and has
// sizes[i] bytes. There are as many of both. Otherwise it is as Credit.
func (r *Reader) CreditEach(slots []Slot, sizes []uint32, now int64) {
	bumpEach(r.tally.rows, slots, sizes[:len(slots)], now)
}

// Lookup finds the flows of the packets whose keys are at idx in k and writes them to slots. It moves
// the indexes of those it found none for to the front of idx, in their order, and returns them; their
// slots are 0.
//
// It works in stages over all packets of a port: hash all, touch all, compare all. Loads that miss
// the processor's caches then run side by side.
func (r *Reader) Lookup(k *flow.Keys, idx []uint16, slots *[frame.MaxBatch]Slot) (miss []uint16) {
	if len(idx) == 0 {
		return idx
	}
	port, mixed := portOf(&k.Block[flow.Base][idx[0]]), uint32(0)
	for _, i := range idx {
		slots[i] = 0
		mixed |= portOf(&k.Block[flow.Base][i]) ^ port
	}
	if mixed == 0 {
		if group := r.lookUp(k, port, r.group[:copy(r.group[:], idx)], slots); len(group) == 0 {
			return idx[:0]
		}
	} else {
		for rest := r.rest[:copy(r.rest[:], idx)]; len(rest) > 0; {
			var group []uint16
			port = portOf(&k.Block[flow.Base][rest[0]])
			group, rest = r.split(k, port, rest)
			r.lookUp(k, port, group, slots)
		}
	}
	miss = idx[:0]
	for _, i := range idx {
		if slots[i] == 0 {
			miss = append(miss, i)
		}
	}
	return miss
}

// lookUp is Lookup for packets of one port. It returns, in the same memory, those that it found no flow for.
func (r *Reader) lookUp(k *flow.Keys, port uint32, group []uint16, slots *[frame.MaxBatch]Slot) []uint16 {
	packets := len(group)
	group = r.recall(k, group, slots)
	probes := packets - len(group)
	if len(group) > 0 {
		for _, id := range r.m.portMasks(port) {
			n := len(group)
			probes += n
			group = r.probe(k, id, group, slots)
			r.hit(id, uint64(n-len(group)))
			if len(group) == 0 {
				break
			}
		}
	}
	if port < maxPorts {
		p := &r.tally.ports[port]
		bump1(&p.packets, uint64(packets))
		bump1(&p.masks, uint64(probes))
	}
	return group
}

// split moves the packets in idx that came from port to r.group and returns them and the others. All
// packets of a batch are from one port, unless some were decapsulated or hairpinned.
func (r *Reader) split(k *flow.Keys, port uint32, idx []uint16) (group, rest []uint16) {
	group, rest = r.group[:0], idx[:0]
	for _, i := range idx {
		if portOf(&k.Block[flow.Base][i]) == port {
			group = append(group, i)
		} else {
			rest = append(rest, i)
		}
	}
	return group, rest
}

// probe looks group up under one mask and returns, in the same memory, the packets it found no flow for.
func (r *Reader) probe(k *flow.Keys, id maskID, group []uint16, slots *[frame.MaxBatch]Slot) []uint16 {
	m := r.m
	rec := m.maskOf(id)
	r.hashAll(k, rec, group)
	for j := range group {
		h := r.hash[j] & m.keep
		r.hash[j] = h
		r.header[j] = m.table.primary(h)[0].Load()
	}
	n := 0
	for j := range group {
		header, h := r.header[j], r.hash[j]
		r.cand[j] = 0
		if header>>spilledShift == 0 && matches(header, tag(h)) == 0 {
			continue // what most masks say to most packets
		}
		if s := m.table.candidate(header, h); s != 0 {
			r.cand[j] = s
			r.near[n] = s
			n++
		}
	}
	// A loop of its own, so short that the loads of the whole batch are under way together: with a
	// million flows it took a packet from 90 to 58 ns.
	touched := byte(0)
	for _, s := range r.near[:n] {
		e := &m.entries[s]
		touched ^= e.base[0] ^ byte(e.mask)
	}
	r.touched = touched
	miss := group[:0]
	for j, i := range group {
		s := r.cand[j]
		if s != 0 && !(m.entries[s].mask == id && r.equal(k, i, rec, s)) {
			// Another flow has the same signature: once in billions of packets.
			v := m.viewAt(k, i)
			s = m.find(&v, id, r.hash[j])
		}
		if s == 0 {
			miss = append(miss, i)
			continue
		}
		slots[i] = s
		r.hints.put(k.Hash[i], s)
	}
	return miss
}

// hashAll writes the hashes of group under rec to r.hash, as Megaflow.hash computes them.
func (r *Reader) hashAll(k *flow.Keys, rec *mask, group []uint16) {
	m := r.m
	for j, i := range group {
		r.hash[j] = flow.HashMaskedBlock(rec.salt, &k.Block[flow.Base][i], &rec.block[flow.Base], &m.seed)
	}
	for rest := extensions(rec.blocks); rest != 0; rest &= rest - 1 {
		b := bits.TrailingZeros8(rest)
		for j, i := range group {
			block := &k.Block[b][i]
			if flow.BlocksOf(&k.Block[flow.Base][i])&(1<<b) == 0 {
				if rec.exact {
					continue
				}
				block = &m.none
			}
			r.hash[j] = flow.HashMaskedBlock(r.hash[j], block, &rec.block[b], &m.seed)
		}
	}
}

// equal reports whether key i is under the flow in slot s, whose mask is rec, as Megaflow.equal does.
func (r *Reader) equal(k *flow.Keys, i uint16, rec *mask, s Slot) bool {
	base := &k.Block[flow.Base][i]
	return flow.EqualMasked(base, &rec.block[flow.Base], &r.m.entries[s].base) && r.equalExtensions(k, i, rec, s)
}

// equalExtensions is equal for the blocks beside the base block, which masks seldom look into.
func (r *Reader) equalExtensions(k *flow.Keys, i uint16, rec *mask, s Slot) bool {
	return extensions(rec.blocks) == 0 || r.equalBlocks(k, i, rec, s)
}

func (r *Reader) equalBlocks(k *flow.Keys, i uint16, rec *mask, s Slot) bool {
	m := r.m
	present := flow.BlocksOf(&k.Block[flow.Base][i])
	for rest := extensions(rec.counted(present)); rest != 0; rest &= rest - 1 {
		b := bits.TrailingZeros8(rest)
		block := &k.Block[b][i]
		if present&(1<<b) == 0 {
			block = &m.none
		}
		if !flow.EqualMasked(block, &rec.block[b], &m.ext[b][s]) {
			return false
		}
	}
	return true
}

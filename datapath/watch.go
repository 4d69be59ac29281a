package datapath

import (
	"github.com/culvertdev/culvert/datapath/upcall"
	"github.com/culvertdev/culvert/flowcache"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/frame"
)

// A Level is what decided about a packet.
type Level uint8

// Levels, the fastest first.
const (
	LevelEMC      Level = iota // the worker's exact-match cache
	LevelMegaflow              // the megaflow cache
	LevelSlow                  // the rule table
)

// String returns the level's short name.
func (l Level) String() string { return [...]string{"emc", "megaflow", "slow"}[l] }

// A Look is a packet as it is looked up.
type Look struct {
	Port   uint32 // datapath port it came in by
	Recirc uint32 // recirculation id it is looked up under; 0 the first time
	Depth  int    // how often it was taken up again
	Key    flow.Key
	Packet []byte // all of it
	// Outer is what is kept of the headers of the tunnel it came out of, as frame.Pool.Tunnel has it; nil: none.
	Outer *[frame.TunnelRoom]byte
}

// A Pass is one look-up of a packet and what it led to. It is valid during the call that shows it.
type Pass struct {
	Look
	Level Level
	// Program is what is done with it. Slot is the megaflow it belongs to, 0 if it was not cached.
	Program []uint64
	Slot    flowcache.Slot
}

// A watch shows the look-ups of one worker, one Pass at a time, before their programs run.
type watch struct {
	see     func(*Pass)
	find    func(*flow.Key) flowcache.Slot // megaflow of a key
	asked   func(Look)                     // what the exact-match cache is asked in vain; nil: nobody wants to know
	pass    Pass
	outer   [frame.TunnelRoom]byte // of pass
	missing uint64                 // bit i: the exact-match cache does not have frame i of the batch in hand
}

// missed notes which frames of a batch the exact-match cache does not have.
func (h *watch) missed(w *pipeline, port, recirc uint32, depth int, frames []frame.Frame, miss []uint16) {
	h.missing = 0
	for _, i := range miss {
		h.missing |= 1 << i
		if h.asked != nil {
			l := Look{Port: port, Recirc: recirc, Depth: depth, Packet: w.pool.AppendTo(nil, frames[i])}
			l.Outer = outerOf(w.pool, frames[i], new([frame.TunnelRoom]byte))
			w.keys.Key(int(i), &l.Key)
			h.asked(l)
		}
	}
}

// found shows the frames that a cache knew.
func (h *watch) found(w *pipeline, port, recirc uint32, depth int, frames []frame.Frame) {
	for i, f := range frames {
		slot := w.slots[i]
		if slot == 0 {
			continue
		}
		level := LevelEMC
		if h.missing>>i&1 != 0 {
			level = LevelMegaflow
		}
		h.pass = Pass{
			Look:  Look{Port: port, Recirc: recirc, Depth: depth, Packet: w.pool.AppendTo(h.pass.Packet[:0], f)},
			Level: level, Program: w.lists.Get(w.flows.Actions(slot)), Slot: slot,
		}
		h.pass.Outer = outerOf(w.pool, f, &h.outer)
		w.keys.Key(i, &h.pass.Key)
		h.see(&h.pass)
	}
}

// answered shows a packet that came back from the slow path; its key is the first of w.keys.
func (h *watch) answered(w *pipeline, a *upcall.Answer, depth int) {
	h.pass = Pass{
		Look:  Look{Port: a.Port, Recirc: a.Recirc, Depth: depth, Packet: w.pool.AppendTo(h.pass.Packet[:0], a.Frame)},
		Level: LevelSlow, Program: w.lists.Get(a.Actions),
	}
	h.pass.Outer = outerOf(w.pool, a.Frame, &h.outer)
	w.keys.Key(0, &h.pass.Key)
	h.pass.Slot = h.find(&h.pass.Key)
	h.see(&h.pass)
}

// outerOf copies what is kept of a frame's outer headers to dst and returns that; nil if there is nothing.
func outerOf(pool *frame.Pool, f frame.Frame, dst *[frame.TunnelRoom]byte) *[frame.TunnelRoom]byte {
	if f.Flags()&frame.HasTunnel == 0 {
		return nil
	}
	*dst = *pool.Tunnel(f)
	return dst
}

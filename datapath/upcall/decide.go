package upcall

import (
	"errors"
	"time"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/version"
	"github.com/culvertdev/culvert/flowcache"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/frame"
)

// decide returns what is to happen to f, whose key is h.flow.Key, and sees to it that the flow cache knows the next
// time. slot is its flow, 0 if there is none; then actions has a reference for the caller. found says that the
// flow was there already; if not, h.verdict is what the table said. With h.hasty it may find that somebody would have
// to be waited for (h.busy); then nothing was decided.
func (h *Handler) decide(port uint32, f frame.Frame, now int64) (slot flowcache.Slot, actions flowcache.ListID, found bool) {
	j := h.journey(f)
	slot, found = h.Flows.Find(&h.flow.Key)
	if found && (j == nil || j.Meets(version.Number(h.Flows.Version(slot)))) {
		// Another worker's packet, or one just before this, has filled the cache in the meantime.
		h.counters.Add(Found, 1)
		actions = h.Flows.Actions(slot)
		h.goOn(f, j, version.Number(h.Flows.Version(slot)), slot, actions)
		return slot, actions, true
	}
	if h.hasty && h.Flows.MayReclaim(port) {
		h.busy = true // tables would be told of what went through flows that have left, any number of them
		return 0, 0, false
	}
	v := &h.verdict
	t := h.TableOf(port)
	h.table = t
	h.query = rules.Query{Key: &h.flow.Key, Packet: h.Pool.Bytes(f), Size: h.Pool.Total(f), Now: now, Live: true, NoWait: h.hasty}
	stands := true
	if j == nil || t == nil {
		Lookup(t, &h.query, v, h.lookupError)
	} else {
		stands = h.lookupAgain(t, j)
	}
	switch {
	case h.busy:
		return 0, 0, false
	case !stands:
		h.table = nil // which has no part in it
		h.Lists.Retain(h.changed)
		return 0, h.changed, false
	}
	actions, err := h.Lists.Intern(v.Actions.Words())
	if err != nil {
		return 0, h.refuse(err), false
	}
	number := h.number(t)
	if found {
		slot = h.supersede(slot, actions)
	}
	if !v.NoCache && slot == 0 {
		slot = h.insert(t, actions, number, now)
	} else {
		slot = 0
	}
	h.goOn(f, j, number, slot, actions)
	return slot, actions, false
}

// refuse returns a program that drops, for a packet whose actions could not be stored because of err.
func (h *Handler) refuse(err error) flowcache.ListID {
	h.counters.Add(ListsFull, 1)
	id := h.full
	if errors.Is(err, flowcache.ErrListLong) {
		id = h.long
	}
	h.Lists.Retain(id)
	return id
}

// insert puts t's verdict into the flow cache, which takes over the reference to its actions, and returns the
// slot; 0 if that was not possible: the packet at hand is served either way.
func (h *Handler) insert(t rules.Table, actions flowcache.ListID, number version.Number, now int64) flowcache.Slot {
	v, f := &h.verdict, &h.flow
	f.Mask, f.Tags, f.Rewrote, f.Version, f.Now = v.Mask, v.Tags, v.Rewrote, uint32(number), now
	if h.Flows.Defers(f) {
		h.counters.Add(Deferred, 1)
		return 0
	}
	trail, err := h.Lists.Intern(v.Trail)
	if err != nil {
		h.counters.Add(ListsFull, 1)
		return 0
	}
	holder, holds := rules.As[rules.Holder](t)
	if holds {
		holder.Hold(v.Trail)
	}
	f.Actions, f.Trail = actions, trail
	s, err := h.Flows.Insert(f)
	if err != nil {
		reason := CacheFull
		if errors.Is(err, flowcache.ErrShare) {
			reason = OverShare
		}
		h.counters.Add(reason, 1)
		h.Lists.Release(trail)
		if holds {
			holder.Release(v.Trail)
		}
		return 0
	}
	h.Installed(s, t)
	h.counters.Add(Installed, 1)
	return s
}

// lookupError counts a look-up that failed and logs one a second at most. What a worker that
// has help finds is for that to ask again: the table is busy, or the log may have to wait for who reads it.
func (h *Handler) lookupError(err error) {
	if h.hasty {
		h.busy = true
		return
	}
	h.table = nil // it is told of no packet that it has said nothing about
	h.counters.Add(Failed, 1)
	if now := time.Now(); now.Sub(h.logged) > time.Second {
		h.logged = now
		h.Log.Warn("rule table look-up", "port", h.flow.Key.Uint(flow.FieldInPort), "error", err)
	}
}

// Lookup asks t and completes the verdict: it always ends in a program that says what happens, and an
// error becomes a drop that is not cached. t may be nil: no bridge.
func Lookup(t rules.Table, q *rules.Query, v *rules.Verdict, failed func(error)) {
	v.Reset()
	if t == nil {
		v.Actions.Drop(action.NoBridge)
		v.NoCache = true
		return
	}
	if err := t.Lookup(q, v); err != nil {
		failed(err)
		v.Reset()
		v.Actions.Drop(action.TableError)
		v.NoCache = true
		return
	}
	if v.Actions.Empty() {
		v.Actions.Drop(action.NoMatch)
	}
}

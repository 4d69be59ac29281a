package upcall

import (
	"errors"
	"slices"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/version"
	"github.com/culvertdev/culvert/flowcache"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/frame"
)

var _ = [1]struct{}{}[flow.Version-3]

// editions is how many editions of its table a packet that is looked up again is tried with, should the rules change
// while it is.
const editions = 3

// past is scratch for verdicts that a packet has met before.
type past struct {
	flow    flowcache.Flow
	query   rules.Query
	verdict rules.Verdict
}

// journey returns the journey of f, whose key is h.flow.Key, if what it meets now must agree with that; nil if not.
func (h *Handler) journey(f frame.Frame) *version.Journey {
	if h.flow.Key.Uint(flow.FieldRecircID) == 0 {
		return nil
	}
	if j := h.Journeys.Of(f); j.At() != 0 {
		return j
	}
	return nil
}

// number returns from which number on h.verdict, which is t's about h.flow.Key, stands; 0 if no packet of it is looked
// up more than once, and nobody will ask.
func (h *Handler) number(t rules.Table) version.Number {
	if t == nil || h.flow.Key.Uint(flow.FieldRecircID) == 0 && !action.Recirculates(h.verdict.Actions.Words()) {
		return 0
	}
	return h.Book.Since(t, &h.verdict, &h.flow.Key)
}

// goOn notes what f has met. j is its journey if that has begun.
func (h *Handler) goOn(f frame.Frame, j *version.Journey, number version.Number, slot flowcache.Slot, actions flowcache.ListID) {
	if number == 0 {
		return
	}
	s := version.Step{Slot: slot, Actions: actions}
	if slot != 0 {
		s.Life = h.Flows.Life(slot)
	}
	if j != nil {
		j.Add(s)
	} else {
		h.Journeys.Of(f).Begin(number, h.Book.Settled(), s)
	}
}

// lookupAgain is Lookup for a packet that has met verdicts before, as h.query has it. It reports false if t has no
// edition in which all of them and this one stand. If the table is busy, what it reports means nothing.
func (h *Handler) lookupAgain(t rules.Table, j *version.Journey) bool {
	for range editions {
		h.query.Edition = rules.EditionOf(t)
		was, known := h.Book.Edition(t, j.At())
		if !known || was != h.query.Edition {
			h.query.Live = false // what the packet could teach the table would be of two editions
			switch changed := h.lookupNow(t); {
			case h.busy:
				return false
			case changed:
				continue
			case h.Book.Stood(t, j.At(), &h.verdict, &h.flow.Key):
			case !h.standStill(t, j):
				return false
			}
			h.query.Live = true
		}
		if !h.lookupNow(t) {
			return true
		}
	}
	return false
}

// lookupNow is Lookup with h.query. It reports that the rules have changed and there is no verdict.
func (h *Handler) lookupNow(t rules.Table) (changed bool) {
	Lookup(t, &h.query, &h.verdict, func(err error) {
		if changed = errors.Is(err, rules.ErrEdition); !changed && (h.query.Live || errors.Is(err, rules.ErrWait)) {
			h.lookupError(err)
		}
	})
	return changed
}

// standStill reports whether all that a packet has met before would be said by the edition of h.query as well, and has
// the packet go on with that then. A flow that would not goes at once: those that come by it were lost as well.
func (h *Handler) standStill(t rules.Table, j *version.Journey) bool {
	for _, s := range j.Steps() {
		f, v := &h.past.flow, &h.past.verdict
		if s.Slot == 0 || !h.Flows.Lives(s.Slot, s.Life) || !h.Flows.Flow(s.Slot, f) ||
			f.Actions != s.Actions || !version.Number(f.Version).UpTo(j.At()) {
			return false
		}
		h.past.query = rules.Query{Key: &f.Key, Now: h.query.Now, Have: &f.Mask, Edition: h.query.Edition, NoWait: h.hasty}
		failed := false
		Lookup(t, &h.past.query, v, func(err error) {
			failed = true
			h.busy = errors.Is(err, rules.ErrWait)
		})
		if failed {
			return false
		}
		clear(v.Mask[flow.FastBlocks:]) // which take no part in the cache
		if v.NoCache || !f.Mask.Covers(&v.Mask) || !slices.Equal(v.Actions.Words(), h.Lists.Get(s.Actions)) {
			h.Flows.Remove(s.Slot)
			return false
		}
	}
	j.Move(h.Book.Note(t, h.query.Edition))
	return true
}

// supersede makes room for a verdict about packets that the flow in slot s is for, and has these actions. It returns the
// slot if the flow may stay.
func (h *Handler) supersede(s flowcache.Slot, actions flowcache.ListID) flowcache.Slot {
	if h.Flows.Actions(s) == actions {
		return s
	}
	h.Flows.Remove(s)
	return 0
}

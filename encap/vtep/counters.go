package vtep

import "github.com/culvertdev/culvert/ring/counter"

// A tally counts what a Directory does. It is under the Directory's lock.
type tally struct {
	asked, failed, unanswered, wrong, unasked     uint64
	full, limited, crowded                        uint64
	changes, invalidated, recovered, shot, unshot uint64
}

// Samples returns the Directory's counters and those of its plug-ins, which never go back.
func (d *Directory) Samples() []counter.Sample {
	d.mu.Lock()
	t := d.tally
	d.mu.Unlock()
	event := func(name, help string, n uint64) counter.Sample {
		return counter.Sample{Desc: counter.Desc{Name: name, Help: help, Kind: counter.Event}, Value: n}
	}
	list := []counter.Sample{
		event("vtep_asked", "Questions that the look-up plug-in was asked, again and anew included.", t.asked),
		event("vtep_failed", "Questions that the look-up plug-in could not take.", t.failed),
		event("vtep_unanswered", "Questions that were given up since no answer came.", t.unanswered),
		event("vtep_wrong", "Answers that cannot be right, and were not taken.", t.wrong),
		event("vtep_unasked", "Answers to what nobody had asked.", t.unasked),
		event("vtep_full", "Questions that were not asked since too many wait for an answer.", t.full),
		event("vtep_limited", "Questions that were not asked since there were too many in a second.", t.limited),
		event("vtep_crowded", "Answers that were forgotten to make room for others.", t.crowded),
		event("vtep_changes", "Answers that came, changed or went.", t.changes),
		event("vtep_invalidated", "Times that a plug-in said that answers are no good any more.", t.invalidated),
		event("vtep_recovered", "Times that a plug-in came back and everything was asked anew.", t.recovered),
		event("vtep_shot", "Hosts told that a guest is not here.", t.shot),
		event("vtep_unshot", "The same, beyond the rate: not told.", t.unshot),
	}
	status := d.Status()
	return append(append(list, status.Look.Samples...), status.Invalidate.Samples...)
}

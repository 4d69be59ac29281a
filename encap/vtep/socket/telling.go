package socket

import (
	"slices"

	"github.com/culvertdev/culvert/encap/vtep"
	"github.com/culvertdev/culvert/encap/vtep/plugin"
)

const (
	maxTold = 2 * maxHere // guests, here and gone, that a plug-in is yet to be told of
	told    = 64          // guests that are taken at a time, with Plugin's lock
)

// A telling is what a plug-in is yet to be told of guests, in the order in which it was said: of each the last alone. So a host
// with thousands of guests may say of all at once that they come or go, and of one as often as it likes. It is under Plugin's
// lock.
type telling struct {
	list []tiding
	last map[guestKey]uint64 // numbers of those tidings that count
	n    uint64              // tidings so far
	news chan struct{}       // of one: there is something to tell
}

// A tiding says that a guest is here, or not any more.
type tiding struct {
	n     uint64
	what  string // plugin.Announce, plugin.Withdraw
	guest vtep.Guest
}

func newTelling() telling {
	return telling{last: make(map[guestKey]uint64), news: make(chan struct{}, 1)}
}

// add adds something to tell, and reports whether there was room.
func (t *telling) add(what string, g vtep.Guest) bool {
	k := keyOf(g)
	if _, known := t.last[k]; !known && len(t.last) >= maxTold {
		return false
	}
	t.n++
	t.last[k] = t.n
	if len(t.list) >= 2*len(t.last)+told { // half of them do not count
		t.list = slices.DeleteFunc(t.list, func(o tiding) bool { return t.last[keyOf(o.guest)] != o.n })
	}
	t.list = append(t.list, tiding{t.n, what, g})
	select {
	case t.news <- struct{}{}:
	default:
	}
	return true
}

// take takes some of what there is to tell out of t. more: there is more.
func (t *telling) take() (list []plugin.Message, more bool) {
	for len(t.list) > 0 && len(list) < told {
		one := t.list[0]
		t.list = t.list[1:]
		if k := keyOf(one.guest); t.last[k] == one.n {
			delete(t.last, k)
			m := plugin.Message{Type: one.what}
			m.SetGuest(one.guest)
			list = append(list, m)
		}
	}
	if len(t.list) == 0 {
		t.list = nil // with the memory
	}
	return list, len(t.list) > 0
}

package openflow

import (
	"errors"
	"fmt"
	"strings"

	"github.com/culvertdev/culvert/flowcache/flow/near"
)

// A Watch says which changes of flows a subscriber hears of (ovs-ofctl(8), monitor). The zero value is all of the
// flows of table 0.
type Watch struct {
	Filter          // not strict; of a flow that is modified, as it is now or was before
	Initial    bool // the flows that are there come first, as added
	NoAdded    bool
	NoModified bool
	NoDeleted  bool // nor those with send_flow_rem
	NoActions  bool // the texts of events leave actions out
}

// WatchAll watches all flows from now on.
func WatchAll() Watch { return Watch{Filter: AllFlows()} }

// ParseWatch reads what ovs-ofctl takes behind watch: words such as !add that leave something out, table=,
// out_port=, out_group= and match fields. The empty text is everything, the flows there are first. An error is a
// [*SyntaxError].
func (p Parser) ParseWatch(s string) (Watch, error) {
	w := Watch{Initial: true}
	rest := []byte(s) // with blanks for the words, so that what is left stays in its columns
	for at := 0; at < len(s); {
		end := at + strings.IndexAny(s[at:]+",", ", \t")
		if word, ok := strings.CutPrefix(s[at:end], "!"); ok {
			if err := w.leaveOut(word); err != nil {
				return Watch{}, &SyntaxError{Col: at + 1, Problem: err.Error()}
			}
			copy(rest[at:end], strings.Repeat(" ", end-at))
		}
		at = end + 1
	}
	var err error
	w.Filter, err = p.ParseFilter(string(rest), false)
	return w, err
}

// watchWords are what may be left out.
var watchWords = []string{"initial", "add", "delete", "modify", "own", "actions"}

// leaveOut reads a word behind an exclamation mark.
func (w *Watch) leaveOut(word string) error {
	switch word {
	case "initial":
		w.Initial = false
	case "add":
		w.NoAdded = true
	case "delete":
		w.NoDeleted = true
	case "modify":
		w.NoModified = true
	case "actions":
		w.NoActions = true
	case "own": // who watches changes nothing
	case "":
		return errors.New("!: want a word behind it, found none")
	default:
		return fmt.Errorf("!%s: want !%s, found an unknown word%s", word, strings.Join(watchWords, ", !"), near.Hint(word, watchWords))
	}
	return nil
}

// wants reports whether an event is one that is watched.
func (w *Watch) wants(e *Event) bool {
	switch e.Kind {
	case FlowAdded:
		if w.NoAdded {
			return false
		}
	case FlowModified:
		if w.NoModified {
			return false
		}
	case FlowDeleted, FlowRemoved:
		if w.NoDeleted {
			return false
		}
	}
	if w.Table != NoTable && w.Table != e.Flow.Table {
		return false
	}
	if w.selects(e.Flow) {
		return true
	}
	if e.before == nil {
		return false
	}
	was := *e.Flow
	was.Actions, was.Cookie = e.before.actions, e.before.cookie
	return w.selects(&was)
}

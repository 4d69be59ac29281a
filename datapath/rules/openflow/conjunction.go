package openflow

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/culvertdev/culvert/datapath/rules/openflow/classifier"
)

// Conjunction makes a rule part of a conjunctive match (ovs-fields(7), "Conjunctive Match Fields"). Such a
// rule is never carried out and counts no packets.
type Conjunction struct {
	classifier.Conjunction
}

const maxClauses = 64

func (a *Conjunction) appendText(b []byte) []byte {
	return fmt.Appendf(b, "conjunction(%d,%d/%d)", a.ID, a.Clause+1, a.Clauses)
}

// parseConjunction reads id, k/n.
func parseConjunction(arg argument) (Action, error) {
	idText, rest, ok := strings.Cut(arg.text, ",")
	kText, nText, slash := strings.Cut(rest, "/")
	if !ok || !slash {
		return nil, fmt.Errorf("want id,k/n, found %q", arg.text)
	}
	id, err := parse32(strings.TrimSpace(idText))
	if err != nil {
		return nil, err
	}
	n, err := strconv.ParseUint(strings.TrimSpace(nText), 0, 8)
	if err != nil || n < 2 || n > maxClauses {
		return nil, fmt.Errorf("want 2 to %d clauses, found %q", maxClauses, nText)
	}
	k, err := strconv.ParseUint(strings.TrimSpace(kText), 0, 8)
	if err != nil || k < 1 || k > n {
		return nil, fmt.Errorf("want a clause of 1 to %d, found %q", n, kText)
	}
	return &Conjunction{classifier.Conjunction{ID: id, Clause: uint8(k - 1), Clauses: uint8(n)}}, nil
}

// conjunctions returns the conjunctions of a rule's actions; nil if there are none.
func conjunctions(list []Action) []classifier.Conjunction {
	var found []classifier.Conjunction
	for _, a := range list {
		if c, ok := a.(*Conjunction); ok {
			found = append(found, c.Conjunction)
		}
	}
	return found
}

// checkConjunctions says which action of a list cannot be beside a conjunction, and why.
func checkConjunctions(list []Action) (int, error) {
	if conjunctions(list) == nil {
		return 0, nil
	}
	for i, a := range list {
		switch a.(type) {
		case *Conjunction, *Note:
		default:
			return i, fmt.Errorf("%s: want only note beside conjunction", actionName(a))
		}
	}
	return 0, nil
}

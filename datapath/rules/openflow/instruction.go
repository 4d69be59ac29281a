package openflow

import "fmt"

// Places of instructions in a list of actions; other actions together are the place placeApply (OpenFlow
// 1.5.1, section 5.5, whose order ovs-ofctl demands of the text).
const (
	placeMeter = iota
	placeApply
	placeClear
	placeWrite
	placeMetadata
	placeGoto
)

// placeNames are the places in words.
const placeNames = "meter, other actions, clear_actions, write_actions, write_metadata, goto_table"

// placeOf returns the place of an action.
func placeOf(a Action) int {
	switch a.(type) {
	case *MeterAction:
		return placeMeter
	case *ClearActions:
		return placeClear
	case *WriteActions:
		return placeWrite
	case *WriteMetadata:
		return placeMetadata
	case *GotoTable:
		return placeGoto
	}
	return placeApply
}

// checkList says which action of a rule's list is not where it may be, and why.
func checkList(list []Action) (int, error) {
	for i := 1; i < len(list); i++ {
		before, place := placeOf(list[i-1]), placeOf(list[i])
		switch {
		case place < before:
			return i, fmt.Errorf("%s: want it before %s; the order is %s", actionName(list[i]), actionName(list[i-1]), placeNames)
		case place == before && place != placeApply:
			return i, fmt.Errorf("%s: want it once, found it twice", actionName(list[i]))
		}
	}
	return checkConjunctions(list)
}

// checkNested says which action of a list within a list cannot be there, and why.
func checkNested(list []Action) (int, error) {
	for i, a := range list {
		if placeOf(a) != placeApply {
			return i, fmt.Errorf("%s: want no instruction in a list within another", actionName(a))
		}
		if _, ok := a.(*Conjunction); ok {
			return i, fmt.Errorf("%s: want no conjunction in a list within another", actionName(a))
		}
	}
	return 0, nil
}

// actionName returns an action's text, shortened, for messages.
func actionName(a Action) string {
	const enough = 40
	b := a.appendText(nil)
	if len(b) > enough {
		b = append(b[:enough], "..."...)
	}
	return string(b)
}

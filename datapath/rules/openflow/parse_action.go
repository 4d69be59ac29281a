package openflow

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// limitActions bounds a rule's actions: about what fits into an OpenFlow message.
const limitActions = 4096

// ParseActions reads a list of actions as it stands behind "actions=". An error is a [*SyntaxError]
// that counts columns from the start of s. ports, when not nil, knows ports by name.
func ParseActions(s string, ports flow.PortNames) ([]Action, error) {
	var list []Action
	drop := -1 // where it says drop
	last := 0  // where the last action starts
	c := cursor{s: s}
	for c.skip(", \t\r\n"); c.more(); c.skip(", \t\r\n") {
		at := c.pos
		name, arg, err := c.action()
		if err != nil {
			return nil, err
		}
		if strings.EqualFold(name, "drop") && arg == "" {
			drop = at
			continue
		}
		a, err := parseAction(name, arg, ports)
		if err != nil {
			return nil, &SyntaxError{Col: at + 1, Problem: err.Error()}
		}
		if len(list) > 0 {
			if g, ok := list[len(list)-1].(*GotoTable); ok {
				return nil, &SyntaxError{Col: last + 1, Problem: fmt.Sprintf("goto_table:%d: want it last, found %q behind it", g.Table, name)}
			}
		}
		if len(list) == limitActions {
			return nil, &SyntaxError{Col: at + 1, Problem: fmt.Sprintf("want at most %d actions", limitActions)}
		}
		list, last = append(list, a), at
	}
	if drop >= 0 && len(list) > 0 {
		return nil, &SyntaxError{Col: drop + 1, Problem: "drop: want no other action beside it"}
	}
	return list, nil
}

// actionNames is what an error about an unknown action offers.
const actionNames = "output, a port, in_port, all, flood, local, normal, drop, set_field, load, move, mod_dl_src, mod_dl_dst, " +
	"mod_nw_src, mod_nw_dst, mod_nw_tos, mod_nw_ecn, mod_nw_ttl, mod_tp_src, mod_tp_dst, mod_vlan_vid, mod_vlan_pcp, " +
	"strip_vlan, pop_vlan, push_vlan, dec_ttl, resubmit, goto_table, exit"

// parseAction reads one action of a name and an argument.
func parseAction(name, arg string, ports flow.PortNames) (Action, error) {
	var a Action
	var err error
	switch name {
	case "output":
		a, err = parseOutput(arg, ports)
	case "set_field":
		a, err = parseSetField(arg, ports)
	case "load":
		a, err = parseLoad(arg)
	case "move":
		a, err = parseMove(arg)
	case "push_vlan":
		a, err = parsePushVLAN(arg)
	case "strip_vlan", "pop_vlan":
		a, err = &PopVLAN{Strip: name == "strip_vlan"}, noArgument(arg)
	case "dec_ttl":
		a, err = &DecTTL{}, noArgument(arg)
	case "exit":
		a, err = &Exit{}, noArgument(arg)
	case "resubmit":
		a, err = parseResubmit(arg, ports)
	case "goto_table":
		var table uint8
		table, err = parseTable(arg)
		a = &GotoTable{Table: table}
	default:
		return parseOther(name, arg, ports)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return a, nil
}

// parseOther reads a mod_ action, or a port standing for an output.
func parseOther(name, arg string, ports flow.PortNames) (Action, error) {
	for _, mod := range modActions() {
		if mod.name == name {
			a, err := parseMod(mod, arg)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			return a, nil
		}
	}
	port, err := flow.ParsePort(name, ports)
	if err != nil || arg != "" {
		return nil, fmt.Errorf("%s: want one of %s, found an unknown action", name, actionNames)
	}
	if !canOutput(port) {
		return nil, fmt.Errorf("%s: %w", name, errPort(name))
	}
	return &Output{Port: port}, nil
}

func noArgument(arg string) error {
	if arg != "" {
		return fmt.Errorf("want no argument, found %q", arg)
	}
	return nil
}

func errPort(found string) error {
	return fmt.Errorf("want a port number of 1 to %d, a port name, or in_port, all, flood, normal, local, found %q", PortMax, found)
}

func parseOutput(arg string, ports flow.PortNames) (Action, error) {
	port, err := flow.ParsePort(arg, ports)
	if err != nil || !canOutput(port) {
		return nil, errPort(arg)
	}
	return &Output{Port: port}, nil
}

func parseSetField(arg string, ports flow.PortNames) (Action, error) {
	text, name, ok := cutArrow(arg)
	if !ok {
		return nil, fmt.Errorf("want value->field, found %q", arg)
	}
	f, ok := flow.FieldByName(name)
	if !ok {
		return nil, fmt.Errorf("want a field behind ->, found %q", name)
	}
	if err := checkWritable(f); err != nil {
		return nil, err
	}
	v, mask, err := flow.ParseValue(f, text, ports)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if mask == (flow.Value{}) {
		return nil, fmt.Errorf("%s: want a value for some bits, found %q", name, text)
	}
	if f == flow.FieldDLVLAN && v.Uint() > 4095 {
		return nil, fmt.Errorf("%s: want 0 to 4095, found %q", name, text)
	}
	return makeSet(f, v, mask), nil
}

func parseMod(mod modAction, arg string) (Action, error) {
	v, mask, err := flow.ParseValue(mod.field, arg, nil)
	if err != nil {
		return nil, err
	}
	if mask != flow.UintValue(mod.field.Info().Max()) {
		return nil, fmt.Errorf("want a value without a mask, found %q", arg)
	}
	a := makeSet(mod.field, v, mask)
	a.Form = FormMod
	return a, nil
}

func parseLoad(arg string) (Action, error) {
	text, name, ok := cutArrow(arg)
	if !ok {
		return nil, fmt.Errorf("want value->field[first..last], found %q", arg)
	}
	part, err := flow.ParseSubfield(name)
	if err != nil {
		return nil, err
	}
	if err := checkWritable(part.Field); err != nil {
		return nil, err
	}
	v, err := strconv.ParseUint(text, 0, 64)
	if err != nil {
		return nil, fmt.Errorf("want a number of up to 64 bits, found %q", text)
	}
	if part.Bits < 64 && v>>part.Bits != 0 {
		return nil, fmt.Errorf("%s: want a number of %d bits, found %q", name, part.Bits, text)
	}
	return makeLoad(part, v), nil
}

func parseMove(arg string) (Action, error) {
	from, to, ok := cutArrow(arg)
	if !ok {
		return nil, fmt.Errorf("want field[first..last]->field[first..last], found %q", arg)
	}
	src, err := flow.ParseSubfield(from)
	if err != nil {
		return nil, err
	}
	dst, err := flow.ParseSubfield(to)
	if err != nil {
		return nil, err
	}
	if err := checkWritable(dst.Field); err != nil {
		return nil, err
	}
	if src.Bits != dst.Bits {
		return nil, fmt.Errorf("want as many bits on both sides of ->, found %d and %d", src.Bits, dst.Bits)
	}
	return &Move{Src: src, Dst: dst}, nil
}

func parsePushVLAN(arg string) (Action, error) {
	tpid, err := strconv.ParseUint(arg, 0, 16)
	if err != nil || tpid != 0x8100 && tpid != 0x88a8 {
		return nil, fmt.Errorf("want 0x8100 or 0x88a8, found %q", arg)
	}
	return &PushVLAN{TPID: uint16(tpid)}, nil
}

// parseResubmit reads the argument of resubmit: a port, or ([port],[table]).
func parseResubmit(arg string, ports flow.PortNames) (Action, error) {
	a := &Resubmit{Port: PortInPort, Table: NoTable}
	port, table, both := strings.Cut(arg, ",")
	port, table = strings.TrimSpace(port), strings.TrimSpace(table)
	if port == "" && table == "" {
		return nil, fmt.Errorf("want a port, or ([port],[table]), found %q", arg)
	}
	var err error
	if port != "" {
		if a.Port, err = flow.ParsePort(port, ports); err != nil {
			return nil, err
		}
	}
	if both && table != "" {
		if a.Table, err = parseTable(table); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func parseTable(s string) (uint8, error) {
	n, err := strconv.ParseUint(s, 0, 8)
	if err != nil || n == NoTable {
		return 0, fmt.Errorf("want a table of 0 to %d, found %q", NoTable-1, s)
	}
	return uint8(n), nil
}

// cutArrow cuts "a->b" around the arrow.
func cutArrow(s string) (before, after string, ok bool) {
	before, after, ok = strings.Cut(s, "->")
	return strings.TrimSpace(before), strings.TrimSpace(after), ok
}

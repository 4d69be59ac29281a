package openflow

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/flowcache/flow/near"
)

// actionNames are the actions, for who has mistyped one.
var actionNames = []string{
	"output", "in_port", "all", "flood", "local", "normal", "table", "controller", "enqueue", "drop", "set_field", "delete_field", "load",
	"move", "push", "pop", "mod_dl_src", "mod_dl_dst", "mod_nw_src", "mod_nw_dst", "mod_nw_tos", "mod_nw_ecn", "mod_nw_ttl", "mod_tp_src",
	"mod_tp_dst", "mod_vlan_vid", "mod_vlan_pcp", "strip_vlan", "pop_vlan", "push_vlan", "push_mpls", "pop_mpls", "set_mpls_label",
	"set_mpls_tc", "set_mpls_ttl", "dec_mpls_ttl", "dec_ttl", "set_tunnel", "set_tunnel64", "set_queue", "pop_queue", "resubmit",
	"check_pkt_larger", "multipath", "bundle", "bundle_load", "group", "clone", "note", "exit", "meter", "learn", "fin_timeout", "conjunction",
	"clear_actions", "write_actions", "write_metadata", "goto_table",
}

// actionParser returns what reads the action of a name, nil if there is none of that name.
func actionParser(name string) func(argument) (Action, error) {
	switch name {
	case "output":
		return parseOutput
	case "controller", "CONTROLLER":
		return parseController
	case "enqueue":
		return parseEnqueue
	case "set_field":
		return parseSetField
	case "delete_field":
		return parseDeleteField
	case "load":
		return parseLoad
	case "move":
		return parseMove
	case "push":
		return parsePush
	case "pop":
		return parsePop
	case "push_vlan":
		return parsePushVLAN
	case "strip_vlan", "pop_vlan":
		return parsePopVLAN
	case "dec_ttl":
		return parseDecTTL
	case "set_tunnel", "set_tunnel64":
		return parseSetTunnel
	case "set_queue":
		return parseSetQueue
	case "pop_queue":
		return parsePopQueue
	case "resubmit":
		return parseResubmit
	case "push_mpls":
		return parsePushMPLS
	case "pop_mpls":
		return parsePopMPLS
	case "dec_mpls_ttl":
		return parseDecMPLSTTL
	case "set_mpls_label", "set_mpls_tc", "set_mpls_ttl":
		return parseSetMPLS
	case "check_pkt_larger":
		return parseCheckLarger
	case "multipath":
		return parseMultipath
	case "bundle", "bundle_load":
		return parseBundle
	case "group":
		return parseGroupAction
	case "clone":
		return parseClone
	case "meter":
		return parseMeterAction
	case "learn":
		return parseLearn
	case "fin_timeout":
		return parseFinTimeout
	case "conjunction":
		return parseConjunction
	case "note":
		return parseNote
	case "exit":
		return parseExit
	case "clear_actions":
		return parseClearActions
	case "write_actions":
		return parseWriteActions
	case "write_metadata":
		return parseWriteMetadata
	case "goto_table":
		return parseGotoTable
	case "ct", "ct_clear", "sample":
		return parseMissing
	}
	if modField(name) != flow.NoField {
		return parseMod
	}
	return nil
}

// parseAction reads one action of a name and an argument.
func parseAction(arg argument) (Action, error) {
	parse := actionParser(arg.name)
	if parse == nil {
		return parsePort(arg)
	}
	a, err := parse(arg)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", arg.name, err)
	}
	return a, nil
}

// parsePort reads a port standing for an output.
func parsePort(arg argument) (Action, error) {
	port, err := flow.ParsePort(arg.name, arg.ports)
	if err != nil || arg.text != "" {
		return nil, fmt.Errorf("%s: want an action or a port, found an unknown word%s", arg.name, near.Hint(arg.name, actionNames))
	}
	return portAction(port, arg.name)
}

func parsePopVLAN(arg argument) (Action, error) {
	return &PopVLAN{Strip: arg.name == "strip_vlan"}, arg.none()
}

// parseDecTTL reads the ids of controllers to tell of a TTL that has ended.
func parseDecTTL(arg argument) (Action, error) {
	a := &DecTTL{}
	for _, text := range strings.FieldsFunc(arg.text, func(r rune) bool { return r == ',' || r == ' ' }) {
		id, err := parse16(text)
		if err != nil {
			return nil, err
		}
		a.IDs = append(a.IDs, id)
	}
	return a, nil
}

func parseExit(arg argument) (Action, error) { return &Exit{}, arg.none() }

// parseMissing refuses actions of Open vSwitch that are not there yet.
func parseMissing(arg argument) (Action, error) {
	if arg.name == "sample" {
		return nil, errors.New("needs IPFIX, which Culvert does not have yet")
	}
	return nil, errConntrack
}

var errConntrack = errors.New("needs connection tracking, which Culvert does not have yet")

func parseGotoTable(arg argument) (Action, error) {
	table, err := parseTable(arg.text)
	return &GotoTable{Table: table}, err
}

func errPort(found string) error {
	return fmt.Errorf("want a port number of 1 to %d, a port name, or in_port, all, flood, normal, local, found %q", PortMax, found)
}

func parseSetField(arg argument) (Action, error) {
	text, name, ok := cutArrow(arg.text)
	if !ok {
		return nil, fmt.Errorf("want value->field, found %q", arg.text)
	}
	f, ok := flow.FieldByName(name)
	if !ok {
		return nil, fmt.Errorf("want a field behind ->, found %q%s", name, flow.Hint(name))
	}
	if err := checkWritable(f); err != nil {
		return nil, err
	}
	if f.IsTunMetadata() {
		return parseSetOption(f, text)
	}
	v, mask, err := flow.ParseValue(f, text, arg.ports)
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

func parseMod(arg argument) (Action, error) {
	field := modField(arg.name)
	v, mask, err := flow.ParseValue(field, arg.text, nil)
	if err != nil {
		return nil, err
	}
	if mask != flow.UintValue(field.Info().Max()) {
		return nil, fmt.Errorf("want a value without a mask, found %q", arg.text)
	}
	a := makeSet(field, v, mask)
	a.Form = FormMod
	return a, nil
}

func parseLoad(arg argument) (Action, error) {
	text, name, ok := cutArrow(arg.text)
	if !ok {
		return nil, fmt.Errorf("want value->field[first..last], found %q", arg.text)
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
	if part.Field.IsTunMetadata() {
		return loadOption(part, v), nil
	}
	return makeLoad(part, v), nil
}

func parseMove(arg argument) (Action, error) {
	from, to, ok := cutArrow(arg.text)
	if !ok {
		return nil, fmt.Errorf("want field[first..last]->field[first..last], found %q", arg.text)
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

func parsePushVLAN(arg argument) (Action, error) {
	tpid, err := strconv.ParseUint(arg.text, 0, 16)
	if err != nil || tpid != 0x8100 && tpid != 0x88a8 {
		return nil, fmt.Errorf("want 0x8100 or 0x88a8, found %q", arg.text)
	}
	return &PushVLAN{TPID: uint16(tpid)}, nil
}

// parseResubmit reads the argument of resubmit: a port, or ([port],[table]).
func parseResubmit(arg argument) (Action, error) {
	a := &Resubmit{Port: PortInPort, Table: NoTable}
	port, table, both := strings.Cut(arg.text, ",")
	table, word, more := strings.Cut(table, ",")
	port, table = strings.TrimSpace(port), strings.TrimSpace(table)
	if more {
		if strings.TrimSpace(word) == "ct" {
			return nil, fmt.Errorf("ct %w", errConntrack)
		}
		return nil, fmt.Errorf("want ([port],[table]), found %q", arg.text)
	}
	if port == "" && table == "" {
		return nil, fmt.Errorf("want a port, or ([port],[table]), found %q", arg.text)
	}
	var err error
	if port != "" {
		if a.Port, err = flow.ParsePort(port, arg.ports); err != nil {
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

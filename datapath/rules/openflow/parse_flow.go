package openflow

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// A Parser reads flows. The zero Parser knows ports by number only.
type Parser struct {
	Ports   flow.PortNames // OpenFlow numbers of named ports
	Options *flow.TLVMap   // what the tun_metadata fields are; nil: matches have none
}

// Parser returns what reads flows for t, with the names of its ports and its tunnel options as of now.
func (t *Table) Parser() Parser { return Parser{Ports: t, Options: t.TunnelOptions()} }

func (p Parser) names() flow.Names { return flow.Names{Ports: p.Ports, Options: p.Options} }

// ParseFlow reads a flow in ovs-ofctl's syntax with ports by number.
func ParseFlow(s string) (Flow, error) { return Parser{}.ParseFlow(s) }

// ParseFlows reads a file of flows with ports by number; see [Parser.ParseFlows].
func ParseFlows(r io.Reader, name string) ([]Flow, error) { return Parser{}.ParseFlows(r, name) }

// ParseFlow reads a flow in ovs-ofctl's syntax: fields and match separated by commas or white space,
// then actions=. An error is a [*SyntaxError].
func (p Parser) ParseFlow(s string) (Flow, error) {
	f, spec, err := p.parse(s)
	if err == nil {
		err = f.check(spec)
	}
	return f, err
}

// A spec is what a flow's text said besides the flow, and where.
type spec struct {
	table, priority, hasActions, hasCookie, hasOutPort bool
	hasOutGroup                                        bool
	outGroup                                           uint32
	cookieMask                                         uint64 // of cookie=value/mask
	cookieMatch                                        uint64
	outPort                                            uint32
	actionsAt                                          int // column of the first action
}

// parse reads all that flows and filters can say.
func (p Parser) parse(s string) (Flow, spec, error) {
	f := Flow{Priority: DefaultPriority, options: p.Options}
	var sp spec
	rest := s
	for {
		rest = strings.TrimLeft(rest, ", \t\r\n")
		at := len(s) - len(rest)
		if text, ok := cutActions(rest); ok {
			sp.hasActions, sp.actionsAt = true, len(s)-len(text)
			list, err := ParseActions(text, p.Ports)
			if err != nil {
				var se *SyntaxError
				if errors.As(err, &se) {
					se.Col += sp.actionsAt
				}
				return Flow{}, sp, err
			}
			f.Actions = list
			break
		}
		var name, value string
		name, value, rest = flow.NextField(rest)
		if name == "" && value == "" {
			if strings.TrimLeft(rest, ", \t\r\n") == "" {
				break
			}
			return Flow{}, sp, &SyntaxError{Col: at + 1, Problem: fmt.Sprintf("want a field, found %q", rest)}
		}
		if err := p.field(&f, &sp, name, value); err != nil {
			return Flow{}, sp, &SyntaxError{Col: at + 1, Problem: err.Error()}
		}
	}
	if err := f.Match.CheckPrerequisites(); err != nil {
		return Flow{}, sp, &SyntaxError{Col: 1, Problem: err.Error()}
	}
	return f, sp, nil
}

// partNames are the parts of a rule that are no match fields, for who has mistyped one.
var partNames = append([]string{"table", "priority", "cookie", "idle_timeout", "hard_timeout", "importance", "out_port", "out_group", "actions"}, flagNames[:]...)

// cutActions returns what follows actions=, if that is what s starts with.
func cutActions(s string) (string, bool) {
	for _, word := range [...]string{"actions=", "action="} {
		if text, ok := strings.CutPrefix(s, word); ok {
			return text, true
		}
	}
	return "", false
}

// field reads one name=value.
func (p Parser) field(f *Flow, sp *spec, name, value string) error {
	var err error
	switch name {
	case "table":
		sp.table = true
		f.Table, err = parseTable(value)
	case "priority":
		sp.priority = true
		f.Priority, err = parse16(value)
	case "idle_timeout":
		f.IdleTimeout, err = parse16(value)
	case "hard_timeout":
		f.HardTimeout, err = parse16(value)
	case "importance":
		f.Importance, err = parse16(value)
	case "cookie":
		err = parseCookie(f, sp, value)
	case "out_group":
		sp.hasOutGroup = true
		sp.outGroup, err = parseGroupID(value)
	case "out_port":
		sp.hasOutPort = true
		sp.outPort, err = flow.ParsePort(value, p.Ports)
	case "duration", "n_packets", "n_bytes", "idle_age", "hard_age":
		return nil // so that what was dumped can be read
	default:
		if flag := flagByName(name); flag != 0 && value == "" {
			f.Flags |= flag
			return nil
		}
		if internal(name) {
			return fmt.Errorf("%s: want a match field, found one of the switch's own, which rules cannot match", name)
		}
		ok, err := f.Match.ParseField(name, value, p.names())
		if err == nil && !ok && strings.HasPrefix(name, "ct_") {
			return fmt.Errorf("%s: %w", name, errConntrack)
		}
		if err == nil && !ok {
			err = fmt.Errorf("%s: want a match field, actions= or another part of a rule, found an unknown word%s", name, flow.HintMatch(name, partNames...))
		}
		return err
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// internal reports whether a field is not for rules. Open vSwitch has tun_ttl, too, for itself alone.
func internal(name string) bool {
	f, ok := flow.FieldByName(name)
	return ok && f.Internal() || name == "tun_ttl"
}

func parse16(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 0, 16)
	if err != nil {
		return 0, fmt.Errorf("want a number of 0 to 65535, found %q", s)
	}
	return uint16(n), nil
}

// parseCookie reads cookie=value, a flow's cookie, or cookie=value/mask, which flows to look at; a mask
// of -1 is all bits.
func parseCookie(f *Flow, sp *spec, s string) error {
	text, maskText, masked := strings.Cut(s, "/")
	v, err := strconv.ParseUint(text, 0, 64)
	if err != nil {
		return fmt.Errorf("want a number of up to 64 bits, found %q", text)
	}
	if !masked {
		sp.hasCookie, f.Cookie = true, v
		return nil
	}
	mask := ^uint64(0)
	if maskText != "-1" {
		if mask, err = strconv.ParseUint(maskText, 0, 64); err != nil {
			return fmt.Errorf("want a mask of up to 64 bits, found %q", maskText)
		}
	}
	sp.cookieMatch, sp.cookieMask = v&mask, mask
	return nil
}

// check refuses what only a filter can say, and what a flow has to.
func (f *Flow) check(sp spec) error {
	switch {
	case !sp.hasActions:
		return &SyntaxError{Col: 1, Problem: "want actions=..., found none"}
	case sp.cookieMask != 0:
		return &SyntaxError{Col: 1, Problem: "cookie: want a value without a mask in a flow"}
	case sp.hasOutGroup:
		return &SyntaxError{Col: 1, Problem: "out_group: want it in matches of flows to delete or show only"}
	case sp.hasOutPort:
		return &SyntaxError{Col: 1, Problem: "out_port: want it in matches of flows to delete or show only"}
	}
	if _, err := checkConsistent(&f.Match, f.Actions); err != nil {
		return &SyntaxError{Col: sp.actionsAt + 1, Problem: err.Error()}
	}
	if n := len(f.Actions); n > 0 {
		if g, ok := f.Actions[n-1].(*GotoTable); ok && g.Table <= f.Table {
			return &SyntaxError{Col: sp.actionsAt + 1, Problem: fmt.Sprintf("goto_table:%d: want a later table than the flow's, %d", g.Table, f.Table)}
		}
	}
	return nil
}

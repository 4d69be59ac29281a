package openflow

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// A BucketPlace says which buckets of a group a command is about (OpenFlow 1.5.1, "command_bucket_id").
type BucketPlace struct {
	Kind BucketKind
	ID   uint32 // BucketOne
}

// A BucketKind is a kind of BucketPlace.
type BucketKind uint8

// Kinds of BucketPlace.
const (
	BucketNone  BucketKind = iota // nothing was said
	BucketFirst                   // the first; to insert: in front of all
	BucketLast
	BucketAll
	BucketOne // the one with the id; to insert: behind it
)

// A GroupMod is a group's text: the group, and which buckets a command about buckets means.
type GroupMod struct {
	Group
	Place BucketPlace
	typed bool // it says a type, as one to add must
}

// ParseGroup reads the argument of ovs-ofctl add-group, mod-group, insert-buckets and remove-buckets. An
// error is a [*SyntaxError].
func (p Parser) ParseGroup(s string) (GroupMod, error) {
	g := groupText{Parser: p, GroupMod: GroupMod{Group: Group{ID: NoGroup}}}
	at := bucketStarts(s)
	head := s
	if len(at) > 0 {
		head = s[:at[0]]
	}
	if err := g.head(head); err != nil {
		return GroupMod{}, err
	}
	for i, start := range at {
		end := len(s)
		if i+1 < len(at) {
			end = at[i+1]
		}
		if err := g.bucket(s, start+len(bucketWord), end); err != nil {
			return GroupMod{}, err
		}
	}
	if err := g.check(); err != nil {
		return GroupMod{}, &SyntaxError{Col: 1, Problem: err.Error()}
	}
	return g.GroupMod, nil
}

// ParseGroups reads groups, one a line, as [Parser.ParseFlows] reads flows.
func (p Parser) ParseGroups(r io.Reader, name string) ([]Group, error) {
	var list []Group
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, limitLine)
	line := 0
	for sc.Scan() {
		line++
		text, _, _ := strings.Cut(sc.Text(), "#")
		if strings.TrimSpace(text) == "" {
			continue
		}
		g, err := p.ParseGroup(text)
		if err != nil {
			var se *SyntaxError
			if errors.As(err, &se) {
				se.File, se.Line = name, line
			}
			return nil, err
		}
		list = append(list, g.Group)
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("read groups: %s:%d: %w", name, line+1, err)
	}
	return list, nil
}

const bucketWord = "bucket="

// bucketStarts returns where in s a bucket begins, outside of parentheses.
func bucketStarts(s string) (at []int) {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '(':
			depth++
		case ')':
			depth--
		case 'b':
			if depth == 0 && strings.HasPrefix(s[i:], bucketWord) && (i == 0 || strings.IndexByte(", \t\r\n", s[i-1]) >= 0) {
				at = append(at, i)
			}
		}
	}
	return at
}

// A groupText is a group under construction.
type groupText struct {
	Parser
	GroupMod
}

// head reads what stands in front of the buckets.
func (g *groupText) head(s string) error {
	c := cursor{s: s}
	for c.skip(", \t\r\n"); c.more(); c.skip(", \t\r\n") {
		start := c.pos
		name, value, _, err := c.action()
		if err != nil {
			return err
		}
		if err := g.field(name, value); err != nil {
			return &SyntaxError{Col: start + 1, Problem: fmt.Sprintf("%s: %v", name, err)}
		}
	}
	return nil
}

func (g *groupText) field(name, value string) (err error) {
	switch name {
	case "group_id":
		g.ID, err = parseGroupID(value)
	case "type":
		g.typed = true
		g.Type, err = parseGroupType(value)
	case "selection_method":
		g.Method, err = parseMethod(value)
	case "selection_method_param":
		if g.Param, err = strconv.ParseUint(value, 0, 64); err != nil {
			err = fmt.Errorf("want a number of up to 64 bits, found %q", value)
		}
	case "fields":
		err = g.fields(value)
	case "command_bucket_id":
		g.Place, err = parsePlace(value)
	default:
		err = errors.New("want group_id, type, selection_method, selection_method_param, fields, command_bucket_id or bucket, found an unknown word")
	}
	return err
}

func parseGroupType(s string) (GroupType, error) {
	if s == "fast_failover" {
		s = GroupFastFailover.String()
	}
	names := groupTypes()
	if i := slices.Index(names[:], s); i >= 0 {
		return GroupType(i), nil
	}
	return 0, fmt.Errorf("want all, select, indirect, ff or fast_failover, found %q", s)
}

func parseMethod(s string) (SelectMethod, error) {
	switch s {
	case "hash":
		return SelectHash, nil
	case "dp_hash":
		return SelectDPHash, nil
	}
	return 0, fmt.Errorf("want hash or dp_hash, found %q", s)
}

func parsePlace(s string) (BucketPlace, error) {
	switch s {
	case "first":
		return BucketPlace{Kind: BucketFirst}, nil
	case "last":
		return BucketPlace{Kind: BucketLast}, nil
	case "all":
		return BucketPlace{Kind: BucketAll}, nil
	}
	id, err := parseBucketID(s)
	if err != nil {
		return BucketPlace{}, fmt.Errorf("want first, last, all or the id of a bucket, found %q", s)
	}
	return BucketPlace{Kind: BucketOne, ID: id}, nil
}

func parseBucketID(s string) (uint32, error) {
	id, err := strconv.ParseUint(s, 0, 32)
	if err != nil || id > MaxGroup {
		return 0, fmt.Errorf("want 0 to %d, found %q", uint32(MaxGroup), s)
	}
	return uint32(id), nil
}

// fields reads a list of fields to hash, each with a mask or without.
func (g *groupText) fields(s string) error {
	for name, mask, rest := flow.NextField(s); name != "" || mask != ""; name, mask, rest = flow.NextField(strings.TrimLeft(rest, ", \t")) {
		f, ok := flow.FieldByName(name)
		if !ok {
			return fmt.Errorf("want fields, found %q%s", name, flow.Hint(name))
		}
		part := GroupField{Field: f, Mask: flow.UintValue(f.Info().Max())}
		if f.Info().Size == 16 {
			part.Mask = allOnes()
		}
		if mask != "" {
			if !f.Info().Maskable {
				return fmt.Errorf("%s: want it as a whole", name)
			}
			v, _, err := flow.ParseValue(f, mask, g.Ports)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			part.Mask = v
		}
		g.Fields = append(g.Fields, part)
	}
	return nil
}

func allOnes() (v flow.Value) {
	for i := range v {
		v[i] = 0xff
	}
	return v
}

// bucket reads the bucket in s[start:end]: what it is, and its actions, which may follow "actions=".
func (g *groupText) bucket(s string, start, end int) error {
	k := Bucket{ID: NoGroup, Weight: 1, WatchGroup: NoGroup}
	c := cursor{s: strings.TrimRight(s[:end], ", \t\r\n"), pos: start}
	hasActions := false
	for c.skip(", \t\r\n"); c.more(); c.skip(", \t\r\n") {
		at := c.pos
		if text, ok := cutActions(c.s[at:]); ok {
			at, hasActions = len(c.s)-len(text), true
			if err := g.actions(&k, c.s, at); err != nil {
				return err
			}
			break
		}
		name, value, _, err := c.action()
		if err != nil {
			return err
		}
		known, err := g.bucketField(&k, name, value)
		if err != nil {
			return &SyntaxError{Col: at + 1, Problem: fmt.Sprintf("%s: %v", name, err)}
		}
		if !known { // the actions begin
			hasActions = true
			if err := g.actions(&k, c.s, at); err != nil {
				return err
			}
			break
		}
	}
	if !hasActions {
		return &SyntaxError{Col: start + 1, Problem: "bucket: want actions, found none; drop is one"}
	}
	g.Buckets = append(g.Buckets, k)
	return nil
}

// actions reads the actions from s[at:].
func (g *groupText) actions(k *Bucket, s string, at int) error {
	list, err := argument{text: s[at:], at: at, ports: g.Ports}.list()
	if err == nil {
		for _, a := range list {
			if setSlotOf(a) == slotNone {
				err = &SyntaxError{Col: at + 1, Problem: fmt.Sprintf("want actions that an action set can hold, found %q", actionName(a))}
			}
		}
	}
	k.Actions = list
	return err
}

// bucketField reads one parameter of a bucket and reports false if it is none.
func (g *groupText) bucketField(k *Bucket, name, value string) (known bool, err error) {
	switch name {
	case "bucket_id":
		k.ID, err = parseBucketID(value)
	case "weight":
		k.Weight, err = parse16(value)
	case "watch_port":
		k.WatchPort, err = flow.ParsePort(value, g.Ports)
		if err == nil && (k.WatchPort == 0 || k.WatchPort > PortMax && k.WatchPort != PortLocal) {
			err = fmt.Errorf("want a port of the bridge, found %q", value)
		}
	case "watch_group":
		k.WatchGroup, err = parseGroupID(value)
	default:
		return false, nil
	}
	return true, err
}

// check refuses what the text alone shows to be wrong.
func (g *groupText) check() error {
	switch {
	case g.ID == NoGroup:
		return errors.New("want group_id=, found none")
	case g.typed:
		return g.Group.valid()
	}
	return nil
}

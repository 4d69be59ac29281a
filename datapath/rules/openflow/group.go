package openflow

import (
	"fmt"
	"strconv"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// MaxGroup is the greatest number a group can have (OpenFlow 1.5.1, enum ofp_group).
const MaxGroup = 0xffffff00

// NoGroup is no group, in Bucket.WatchGroup.
const NoGroup = 0xffffffff

// Limits of a group. Choosing between more buckets than maxSelect would take more slots than a cache should
// hold flows for: see spread.
const (
	maxBuckets = 4096
	maxSelect  = 256
)

// A GroupType says which buckets of a group a packet goes through (ovs-ofctl(8), "Group Syntax").
type GroupType uint8

// Group types.
const (
	GroupAll          GroupType = iota // all of them
	GroupSelect                        // one, chosen by a hash of the packet
	GroupIndirect                      // the only one
	GroupFastFailover                  // the first that is alive
)

// A SelectMethod is how a select group hashes packets.
type SelectMethod uint8

// Methods of selection.
const (
	SelectDefault SelectMethod = iota // as SelectDPHash, the same for both directions of a connection
	SelectDPHash                      // by a hash that workers compute, so that one cached flow serves many connections
	SelectHash                        // by the fields the group names, which cached flows are then told by
)

// A Group is a list of buckets of actions that rules refer to by its number.
type Group struct {
	ID     uint32
	Type   GroupType
	Method SelectMethod // of a select group
	// Param keys the hash. For SelectDPHash its upper half is the algorithm: 0 for the addresses and ports
	// as they are, 1 for the same in both directions.
	Param   uint64
	Fields  []GroupField // SelectHash
	Buckets []Bucket
}

// A GroupField is a field that a select group hashes, or some bits of it.
type GroupField struct {
	Field flow.FieldID
	Mask  flow.Value
}

// A Bucket is an action set that a group carries out on a copy of the packet.
type Bucket struct {
	ID         uint32
	Weight     uint16 // of a select group
	WatchPort  uint32 // alive while this port is up; 0: names none
	WatchGroup uint32 // alive while a bucket of this group is; NoGroup: names none. Without either, always
	Actions    []Action
}

// GroupAction carries out a group.
type GroupAction struct {
	ID uint32
}

func (a *GroupAction) appendText(b []byte) []byte {
	return strconv.AppendUint(append(b, "group:"...), uint64(a.ID), 10)
}

func parseGroupAction(arg argument) (Action, error) {
	id, err := parseGroupID(arg.text)
	return &GroupAction{ID: id}, err
}

func parseGroupID(s string) (uint32, error) {
	id, err := strconv.ParseUint(s, 0, 32)
	if err != nil || id > MaxGroup {
		return 0, fmt.Errorf("want a group of 0 to %d, found %q", uint32(MaxGroup), s)
	}
	return uint32(id), nil
}

// groupTypes are the names of the types.
func groupTypes() [4]string { return [...]string{"all", "select", "indirect", "ff"} }

// String returns the type's name in ovs-ofctl's words.
func (t GroupType) String() string { return groupTypes()[t] }

// String returns the group as ParseGroup takes it, in the form of ovs-ofctl dump-groups.
func (g *Group) String() string {
	b := fmt.Appendf(nil, "group_id=%d,type=%s", g.ID, g.Type)
	switch g.Method {
	case SelectDPHash:
		b = append(b, ",selection_method=dp_hash"...)
	case SelectHash:
		b = append(b, ",selection_method=hash"...)
	}
	if g.Param != 0 {
		b = fmt.Appendf(b, ",selection_method_param=%d", g.Param)
	}
	b = g.appendFields(b)
	for i := range g.Buckets {
		b = g.Buckets[i].append(append(b, ",bucket="...), g.Type)
	}
	return string(b)
}

func (g *Group) appendFields(b []byte) []byte {
	for i, f := range g.Fields {
		switch {
		case len(g.Fields) == 1:
			b = append(b, ",fields="...)
		case i == 0:
			b = append(b, ",fields("...)
		default:
			b = append(b, ',')
		}
		b = append(b, setName(f.Field)...)
		if !f.whole() {
			var m flow.Match
			f.put(&m)
			b = flow.AppendValue(append(b, '='), f.Field, (*flow.Key)(&m.Mask), exactMask(f.Field), nil)
		}
	}
	if len(g.Fields) > 1 {
		b = append(b, ')')
	}
	return b
}

// whole reports whether f has all bits of its field.
func (f *GroupField) whole() bool {
	var m flow.Match
	f.put(&m)
	return m.Mask.Exact(f.Field)
}

// put adds the bits of f to m.
func (f *GroupField) put(m *flow.Match) {
	if f.Field.Info().Size == 16 {
		m.SetBytesMasked(f.Field, f.Mask[:], f.Mask[:])
	} else {
		m.SetUintMasked(f.Field, f.Mask.Uint(), f.Mask.Uint())
	}
}

func exactMask(f flow.FieldID) *flow.Mask {
	var m flow.Mask
	m.SetExact(f)
	return &m
}

// append appends the bucket as ovs-ofctl writes it in a group of type t.
func (k *Bucket) append(b []byte, t GroupType) []byte {
	b = fmt.Appendf(b, "bucket_id:%d", k.ID)
	if t == GroupSelect && k.Weight != 1 {
		b = fmt.Appendf(b, ",weight:%d", k.Weight)
	}
	if k.WatchPort != 0 {
		b = flow.AppendPort(append(b, ",watch_port:"...), k.WatchPort, nil)
	}
	if k.WatchGroup != NoGroup {
		b = fmt.Appendf(b, ",watch_group:%d", k.WatchGroup)
	}
	return AppendActions(append(b, ",actions="...), k.Actions)
}

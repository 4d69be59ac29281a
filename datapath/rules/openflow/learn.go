package openflow

import (
	"slices"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// Learn makes a flow out of the packet and puts it into a table, or gives the flow that is there with the
// same match and priority its actions and cookie (ovs-actions(7), "The learn action").
//
// As long as packets go this way, cached or not, the flow stays: each time they are counted its timeouts
// begin anew, and if it has gone it comes back.
type Learn struct {
	Table          uint8
	Priority       uint16
	IdleTimeout    uint16
	HardTimeout    uint16
	FinIdleTimeout uint16 // of a fin_timeout of the flow
	FinHardTimeout uint16
	Cookie         uint64
	SendFlowRem    bool
	DeleteLearned  bool          // the table's flows of Cookie go with the last rule that has such a learn
	Limit          uint32        // no more than so many flows of Cookie in Table; 0: any number
	Result         flow.Subfield // the bit that says whether the flow is there; Field is NoField where none is to
	Specs          []LearnSpec
}

// A LearnSpec makes a part of the flow.
type LearnSpec struct {
	Kind  LearnKind
	Src   flow.Subfield // where the value comes from; Field is NoField for Value
	Value longNumber
	Dst   flow.Subfield // of as many bits; none for LearnOutput
}

// A longNumber has a number of as many bits as a tunnel option may have in its last bits, in network byte order.
type longNumber [maxOption]byte

// longOnes has all bits.
var longOnes = func() (n longNumber) {
	for i := range n {
		n[i] = 0xff
	}
	return n
}()

// short returns the last 128 bits.
func (n *longNumber) short() *[16]byte { return (*[16]byte)(n[maxOption-16:]) }

// LearnKind is what a LearnSpec makes.
type LearnKind uint8

// Kinds of LearnSpec.
const (
	LearnMatch  LearnKind = iota // the flow matches the value in Dst
	LearnLoad                    // it loads the value into Dst
	LearnOutput                  // it outputs to the port of that number
)

// learnFlow carries out a learn action: when the look-up is over if a packet is waiting, and whenever packets are counted.
func (x *xlate) learnFlow(a *Learn) {
	f, ok := x.learnedFlow(a)
	if !ok {
		return
	}
	l := &learned{flow: f, limit: a.Limit}
	id := x.t.internLearned(l, x.q.Now)
	if id == 0 {
		x.v.NoCache = true // every packet learns for itself
	} else {
		x.v.Trail = append(x.v.Trail, learnedWord(id), x.by)
		l = x.t.contexts.get(id).(*learned)
	}
	if a.Limit != 0 {
		x.v.Tags |= x.t.tableTag(a.Table)
	}
	there := x.putLearned(l)
	if a.Result.Field != flow.NoField {
		var bit [16]byte
		if there {
			bit[15] = 1
		}
		x.load(a.Result, &bit)
	}
}

// learnedFlow makes the flow. It reports false for packets that have not the fields it is made of.
func (x *xlate) learnedFlow(a *Learn) (Flow, bool) {
	f := Flow{
		Table: a.Table, Priority: a.Priority, Cookie: a.Cookie, IdleTimeout: a.IdleTimeout, HardTimeout: a.HardTimeout,
		options: x.t.TunnelOptions(),
	}
	if a.SendFlowRem {
		f.Flags = SendFlowRem
	}
	if a.FinIdleTimeout != 0 || a.FinHardTimeout != 0 {
		f.Actions = append(f.Actions, &FinTimeout{Idle: a.FinIdleTimeout, Hard: a.FinHardTimeout})
	}
	for i := range a.Specs {
		s := &a.Specs[i]
		value := s.Value
		if s.Src.Field != flow.NoField {
			if !x.need(s.Src.Field.Info().Need) {
				if x.q.Trace != nil {
					x.trace(x.level()+1, "-> the packet has no %s", s.Src.Field)
				}
				return f, false
			}
			value = x.readLong(s.Src)
		}
		s.add(&f, &value)
	}
	return f, f.Match.CheckPrerequisites() == nil
}

// readLong is read for parts of any width.
func (x *xlate) readLong(src flow.Subfield) (value longNumber) {
	if src.Field.IsTunMetadata() {
		x.readOption(src, value[:])
	} else {
		*value.short() = x.read(src)
	}
	return value
}

// add adds to f what the spec makes of a value.
func (s *LearnSpec) add(f *Flow, value *longNumber) {
	switch {
	case s.Kind == LearnOutput:
		number := slices.IndexFunc(value[:maxOption-2], func(b byte) bool { return b != 0 })
		if port := uint32(be16(value[maxOption-2:])); number < 0 && canLearnOutput(port) {
			f.Actions = append(f.Actions, &Output{Port: port})
		}
	case s.Dst.Field.IsTunMetadata():
		s.addOption(f, value)
	case s.Kind == LearnLoad:
		set := loadOf(s.Dst, value.short())
		f.Actions = append(f.Actions, &set)
	default:
		set := loadOf(s.Dst, value.short())
		size := s.Dst.Field.Info().Size
		key, mask := f.Match.Key.Bytes(s.Dst.Field), f.Match.Mask.Bytes(s.Dst.Field)
		for i := range size {
			key[i] = key[i]&^set.Mask[i] | set.Value[i]
			mask[i] |= set.Mask[i]
		}
		if s.Dst.Bits == s.Dst.Field.Info().Bits {
			f.Match.Mask.SetExact(s.Dst.Field) // in_port has more bits in a key
		}
	}
}

// addOption is add for part of a tunnel option.
func (s *LearnSpec) addOption(f *Flow, number *longNumber) {
	p := f.options.Place(s.Dst.Field)
	if p == nil {
		return // the map and the rule were changed at the same time
	}
	var value, mask longNumber
	bits := min(int(s.Dst.Bits), 8*p.Size()-int(s.Dst.Off))
	copyBits(value[:], int(s.Dst.Off), number[:], 0, bits)
	copyBits(mask[:], int(s.Dst.Off), longOnes[:], 0, bits)
	if s.Kind == LearnLoad {
		a := &SetOption{Field: s.Dst.Field, Value: withoutZeros(value[:])}
		if bits < 8*p.Size() {
			a.Mask = withoutZeros(mask[:])
		}
		f.Actions = append(f.Actions, a)
		return
	}
	n := maxOption - p.Size()
	var was, had longNumber
	f.Match.Key.Option(p, was[n:])
	f.Match.Mask.Option(p, had[n:])
	for i, m := range mask {
		value[i] |= was[i] &^ m
		mask[i] |= had[i]
	}
	f.Match.SetOption(s.Dst.Field, p, value[n:], mask[n:])
}

// parts shows visit the parts of fields that the action reads and writes, and the tunnel options of the flow it makes.
func (a *Learn) parts(visit partVisitor) error {
	for i := range a.Specs {
		s := &a.Specs[i]
		if s.Src.Field != flow.NoField {
			if err := visit(ofOption(s.Src, 1), false); err != nil {
				return err
			}
		}
		if s.Dst.Field.IsTunMetadata() {
			if err := visit(ofOption(s.Dst, bitLen(withoutZeros(s.Value[:]))), true); err != nil {
				return err
			}
		}
	}
	if a.Result.Field == flow.NoField {
		return nil
	}
	return visit(a.Result, true)
}

// ofOption returns, of the whole of a tunnel option, which is as long as the map says, the bits that it has to have, and
// any other part as it is.
func ofOption(part flow.Subfield, bits int) flow.Subfield {
	if part.Field.IsTunMetadata() && part.Bits == part.Field.Info().Bits {
		part.Bits = uint16(max(bits, 1))
	}
	return part
}

// canLearnOutput reports whether a learned flow may output to a port; others it leaves out.
func canLearnOutput(port uint32) bool {
	switch port {
	case PortInPort, PortFlood, PortAll, PortLocal:
		return true
	}
	return port >= 1 && port <= PortMax
}

package openflow

import (
	"fmt"

	"github.com/culvertdev/culvert/flowcache/flow"
)

func (a *Learn) appendText(b []byte) []byte {
	b = fmt.Appendf(b, "learn(table=%d", a.Table)
	for _, o := range [...]struct {
		name  string
		value uint16
	}{
		{"idle_timeout", a.IdleTimeout}, {"hard_timeout", a.HardTimeout},
		{"fin_idle_timeout", a.FinIdleTimeout}, {"fin_hard_timeout", a.FinHardTimeout},
	} {
		if o.value != 0 {
			b = fmt.Appendf(b, ",%s=%d", o.name, o.value)
		}
	}
	if a.Priority != DefaultPriority {
		b = fmt.Appendf(b, ",priority=%d", a.Priority)
	}
	if a.SendFlowRem {
		b = append(b, ",send_flow_rem"...)
	}
	if a.DeleteLearned {
		b = append(b, ",delete_learned"...)
	}
	if a.Cookie != 0 {
		b = fmt.Appendf(b, ",cookie=0x%x", a.Cookie)
	}
	if a.Limit != 0 {
		b = fmt.Appendf(b, ",limit=%d", a.Limit)
	}
	if a.Result.Field != flow.NoField {
		b = appendSubfield(append(b, ",result_dst="...), a.Result)
	}
	for i := range a.Specs {
		b = a.Specs[i].appendText(append(b, ','))
	}
	return append(b, ')')
}

func (s *LearnSpec) appendText(b []byte) []byte {
	switch s.Kind {
	case LearnLoad:
		b = append(s.appendSource(append(b, "load:"...)), "->"...)
		return appendSubfield(b, s.Dst)
	case LearnOutput:
		return appendSubfield(append(b, "output:"...), s.Src)
	}
	switch {
	case s.Src == s.Dst:
		return appendSubfield(b, s.Dst)
	case s.Src.Field == flow.NoField && s.Dst.Bits == s.Dst.Field.Info().Bits:
		return s.appendWhole(b)
	}
	return s.appendSource(append(appendSubfield(b, s.Dst), '='))
}

// appendSource appends the source, a value as a number.
func (s *LearnSpec) appendSource(b []byte) []byte {
	if s.Src.Field == flow.NoField {
		return appendLongNumber(b, withoutZeros(s.Value[:]))
	}
	return appendSubfield(b, s.Src)
}

// appendWhole appends field=value for a whole field, in the field's notation.
func (s *LearnSpec) appendWhole(b []byte) []byte {
	f := s.Dst.Field
	b = append(append(b, setName(f)...), '=')
	if info := f.Info(); info.Kind == flow.Hex && info.Size <= 8 || f.IsTunMetadata() {
		return appendLongNumber(b, withoutZeros(s.Value[:]))
	}
	set := loadOf(s.Dst, s.Value.short())
	k, m := set.key()
	m.SetExact(f) // of vlan_vid, a part has its width
	return flow.AppendValue(b, f, &k, &m, nil)
}

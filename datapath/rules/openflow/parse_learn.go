package openflow

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// parseLearn reads the arguments of learn. Learned flows are in table 1 unless they say otherwise.
func parseLearn(arg argument) (Action, error) {
	a := &Learn{Table: 1, Priority: DefaultPriority}
	for rest := arg.text; ; {
		var name, value string
		name, value, rest = flow.NextField(rest)
		if name == "" {
			if strings.Trim(rest, ", \t\r\n") != "" {
				return nil, fmt.Errorf("want an argument, found %q", rest)
			}
			return a, a.checkSpecs()
		}
		ok, err := a.parseOption(name, value)
		if !ok && err == nil {
			err = a.parseSpec(name, value, arg.ports)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
}

// parseOption reads what is not part of the flow's match and actions. ok is false if name is none of that.
func (a *Learn) parseOption(name, value string) (ok bool, err error) {
	switch name {
	case "table":
		a.Table, err = parseTable(value)
	case "priority":
		a.Priority, err = parse16(value)
	case "idle_timeout":
		a.IdleTimeout, err = parse16(value)
	case "hard_timeout":
		a.HardTimeout, err = parse16(value)
	case "fin_idle_timeout":
		a.FinIdleTimeout, err = parse16(value)
	case "fin_hard_timeout":
		a.FinHardTimeout, err = parse16(value)
	case "cookie":
		if a.Cookie, err = strconv.ParseUint(value, 0, 64); err != nil {
			err = fmt.Errorf("want a number of up to 64 bits, found %q", value)
		}
	case "limit":
		a.Limit, err = parse32(value)
	case "send_flow_rem":
		a.SendFlowRem = true
	case "delete_learned":
		a.DeleteLearned = true
	case "result_dst":
		a.Result, err = flow.ParseSubfield(value)
		if err == nil && a.Result.Bits != 1 {
			err = fmt.Errorf("want a single bit, found %q", value)
		}
		if err == nil {
			err = checkWritable(a.Result.Field)
		}
	default:
		return false, nil
	}
	return true, err
}

// parseSpec reads what makes a part of the flow.
func (a *Learn) parseSpec(name, value string, ports flow.PortNames) error {
	s := LearnSpec{}
	var err error
	if text, ok := strings.CutPrefix(name, "load:"); ok {
		err = s.parseLoad(text)
	} else if text, ok := strings.CutPrefix(name, "output:"); ok {
		s.Kind = LearnOutput
		s.Src, err = flow.ParseSubfield(text)
	} else {
		err = s.parseMatch(name, value, ports)
	}
	a.Specs = append(a.Specs, s)
	return err
}

// parseLoad reads value->field or field->field.
func (s *LearnSpec) parseLoad(text string) error {
	from, to, ok := cutArrow(text)
	if !ok {
		return fmt.Errorf("want value->field or field->field, found %q", text)
	}
	s.Kind = LearnLoad
	var err error
	if s.Dst, err = flow.ParseSubfield(to); err != nil {
		return err
	}
	if err := checkWritable(s.Dst.Field); err != nil {
		return err
	}
	if s.Src, err = flow.ParseSubfield(from); err == nil {
		return s.checkWidth()
	}
	s.Src = flow.Subfield{}
	return s.parseNumber(from)
}

// parseMatch reads field=value, field=field, or a field, which stands for itself twice. Either field may be
// a part of one.
func (s *LearnSpec) parseMatch(name, value string, ports flow.PortNames) error {
	var err error
	field, _, _ := strings.Cut(name, "[")
	if _, ok := flow.FieldByName(field); !ok {
		return errors.New("want table, priority, cookie, a timeout, limit, result_dst, send_flow_rem, delete_learned, load:, output: or a field, " +
			"found an unknown word" + flow.Hint(field))
	}
	if s.Dst, err = flow.ParseSubfield(name); err != nil {
		return err
	}
	info := s.Dst.Field.Info()
	switch {
	case internal(field):
		return errors.New("want a match field, found one of the switch's own, which rules cannot match")
	case s.Dst.Bits != info.Bits && !info.Maskable:
		return errors.New("want the whole field, since it cannot be masked, found a part")
	}
	if value == "" {
		s.Src = s.Dst
		return nil
	}
	if s.Src, err = flow.ParseSubfield(value); err == nil {
		return s.checkWidth()
	}
	s.Src = flow.Subfield{}
	switch {
	case s.Dst.Bits != info.Bits:
		return s.parseNumber(value)
	case s.Dst.Field.IsTunMetadata():
		return s.parseOptionValue(value)
	}
	v, mask, err := flow.ParseValue(s.Dst.Field, value, ports)
	if err != nil {
		return err
	}
	set := makeSet(s.Dst.Field, v, mask)
	var all flow.Mask
	all.SetExact(s.Dst.Field)
	size := s.Dst.Field.Info().Size
	if string(set.Mask[:size]) != string(all.Bytes(s.Dst.Field)) {
		return fmt.Errorf("want a value without a mask, found %q", value)
	}
	copyBits(s.Value[:], 0, set.Value[:size], place(s.Dst), int(s.Dst.Bits))
	return nil
}

// parseOptionValue reads the value of a whole tunnel option.
func (s *LearnSpec) parseOptionValue(text string) error {
	v, mask, err := flow.ParseOptionValue(text)
	if err == nil && mask != nil {
		err = fmt.Errorf("want a value without a mask, found %q", text)
	}
	alignRight(s.Value[:], v)
	return err
}

// parseNumber reads a number that fits Dst.
func (s *LearnSpec) parseNumber(text string) error {
	v, err := strconv.ParseUint(text, 0, 64)
	if err != nil || s.Dst.Bits < 64 && v>>s.Dst.Bits != 0 {
		return fmt.Errorf("want a field or a number of %d bits, found %q", min(s.Dst.Bits, 64), text)
	}
	binary.BigEndian.PutUint64(s.Value[maxOption-8:], v)
	return nil
}

func (s *LearnSpec) checkWidth() error {
	if s.Src.Bits != s.Dst.Bits {
		return fmt.Errorf("want as many bits on both sides, found %d and %d", s.Dst.Bits, s.Src.Bits)
	}
	return nil
}

// checkSpecs refuses a flow that could not be written: one that matches or loads a field without matching
// what the field needs.
func (a *Learn) checkSpecs() error {
	var f Flow
	for i := range a.Specs {
		s := &a.Specs[i]
		if need := s.Dst.Field.Info().Need; s.Kind != LearnOutput && !need.Met(&f.Match.Key, nil) {
			return fmt.Errorf("%s: want the learned flow to match %s before it", s.Dst.Field, need)
		}
		s.add(&f, &s.Value)
	}
	return nil
}

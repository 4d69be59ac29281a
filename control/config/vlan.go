package config

import (
	"errors"
	"fmt"
	"slices"

	"github.com/culvertdev/culvert/datapath/rules"
)

// The words of a port's VLAN settings (ovs-vswitchd.conf.db(5), Port table), each in the order of the
// values in package rules.
var (
	vlanModes    = []string{"trunk", "access", "native-tagged", "native-untagged", "dot1q-tunnel"}
	priorityTags = []string{"never", "if-nonzero", "always"}
	qinqTypes    = []string{"802.1ad", "802.1q"}
)

// A VLAN is how a port treats VLAN tags, in the words of users.
type VLAN struct {
	Mode         string // empty: access with a tag, trunk without
	Tag          int    // 0: none
	Trunks       []int  // none: all; 0 is untagged packets
	CVLANs       []int  // none: all; 0 is untagged packets
	QinQType     string // empty: 802.1ad
	PriorityTags string // empty: never
}

// Rules returns the settings as rule tables take them. The error says what does not go together.
func (c *VLAN) Rules() (v rules.VLAN, err error) {
	if v.Mode, err = c.mode(); err != nil {
		return v, err
	}
	mode := vlanModes[v.Mode]
	qinq, priority := slices.Index(qinqTypes, c.QinQType), slices.Index(priorityTags, c.PriorityTags)
	switch {
	case v.Mode != rules.VLANTrunk && c.Tag == 0:
		return v, fmt.Errorf("want a tag in %s mode, found none", mode)
	case v.Mode == rules.VLANTrunk && c.Tag != 0:
		return v, errors.New("want no tag in trunk mode")
	case c.Tag < 0 || c.Tag > maxVLAN:
		return v, fmt.Errorf("VLAN %d: want %d to %d", c.Tag, minVLAN, maxVLAN)
	case (v.Mode == rules.VLANAccess || v.Mode == rules.VLANDot1qTunnel) && len(c.Trunks) > 0:
		return v, fmt.Errorf("want no trunks in %s mode", mode)
	case v.Mode != rules.VLANDot1qTunnel && len(c.CVLANs) > 0:
		return v, fmt.Errorf("want no cvlans in %s mode, only in dot1q-tunnel", mode)
	case v.Mode != rules.VLANDot1qTunnel && c.QinQType != "":
		return v, fmt.Errorf("want no qinq-ethtype in %s mode, only in dot1q-tunnel", mode)
	case c.QinQType != "" && qinq < 0:
		return v, fmt.Errorf("qinq-ethtype %q: want one of %v", c.QinQType, qinqTypes)
	case c.PriorityTags != "" && priority < 0:
		return v, fmt.Errorf("priority-tags %q: want one of %v", c.PriorityTags, priorityTags)
	}
	v.Tag, v.PriorityTags = uint16(c.Tag), rules.PriorityTags(max(priority, 0))
	if c.QinQType == "802.1q" {
		v.QinQType = 0x8100
	}
	if v.Trunks, err = vlanList(c.Trunks); err != nil {
		return v, err
	}
	v.CVLANs, err = vlanList(c.CVLANs)
	return v, err
}

// mode returns the mode, that which the tag means if none is given.
func (c *VLAN) mode() (rules.VLANMode, error) {
	switch {
	case c.Mode == "" && c.Tag != 0:
		return rules.VLANAccess, nil
	case c.Mode == "":
		return rules.VLANTrunk, nil
	}
	i := slices.Index(vlanModes, c.Mode)
	if i < 0 {
		return 0, fmt.Errorf("VLAN mode %q: want one of %v", c.Mode, vlanModes)
	}
	return rules.VLANMode(i), nil
}

func vlanList(numbers []int) ([]uint16, error) {
	var list []uint16
	for _, n := range numbers {
		if n < 0 || n > maxVLAN {
			return nil, fmt.Errorf("VLAN %d: want 0 to %d", n, maxVLAN)
		}
		list = append(list, uint16(n))
	}
	return list, nil
}

// VLANOf returns settings in the words of users, those that are as without a word left out.
func VLANOf(v rules.VLAN) VLAN {
	c := VLAN{Mode: vlanModes[v.Mode], Tag: int(v.Tag)}
	for _, n := range v.Trunks {
		c.Trunks = append(c.Trunks, int(n))
	}
	for _, n := range v.CVLANs {
		c.CVLANs = append(c.CVLANs, int(n))
	}
	if v.QinQType == 0x8100 {
		c.QinQType = "802.1q"
	}
	if v.PriorityTags != rules.PriorityTagsNever {
		c.PriorityTags = priorityTags[v.PriorityTags]
	}
	return c
}

// readVLAN reads a port's section vlan.
func readVLAN(s *mapping) rules.VLAN {
	var c VLAN
	before := len(s.r.errs)
	word := func(dst *string, words []string) func(value) {
		return func(v value) {
			if i := v.choice(words...); i >= 0 {
				*dst = words[i]
			}
		}
	}
	s.get("mode", word(&c.Mode, vlanModes))
	s.get("tag", func(v value) { v.integer(&c.Tag, minVLAN, maxVLAN) })
	s.get("trunks", func(v value) { c.Trunks = v.numbers(0, maxVLAN) })
	s.get("cvlans", func(v value) { c.CVLANs = v.numbers(0, maxVLAN) })
	s.get("qinq-ethtype", word(&c.QinQType, qinqTypes))
	s.get("priority-tags", word(&c.PriorityTags, priorityTags))
	if len(s.r.errs) > before {
		return rules.VLAN{}
	}
	v, err := c.Rules()
	if err != nil {
		s.fail("%v", err)
	}
	return v
}

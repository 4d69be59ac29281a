package config

import (
	"errors"
	"fmt"

	"github.com/culvertdev/culvert/datapath/rules"
)

// VLAN returns how NORMAL treats a port's VLAN tags, given a mode (access, trunk, or nothing), the tag
// of an access port (0: none) and the VLANs of a trunk port (none: all; 0 is untagged packets). Without
// a mode, a tag means access and no tag means trunk, as in OVS (ovs-vswitchd.conf.db(5), Port table,
// vlan_mode).
func VLAN(mode string, tag int, trunks []int) (rules.VLAN, error) {
	var v rules.VLAN
	switch {
	case mode == "access", mode == "" && tag != 0:
		v.Mode = rules.VLANAccess
	case mode == "trunk", mode == "":
		v.Mode = rules.VLANTrunk
	default:
		return v, fmt.Errorf("VLAN mode %q: want access or trunk", mode)
	}
	switch {
	case v.Mode == rules.VLANAccess && tag == 0:
		return v, errors.New("want a tag in access mode, found none")
	case v.Mode == rules.VLANAccess && len(trunks) > 0:
		return v, errors.New("want no trunks in access mode")
	case v.Mode == rules.VLANTrunk && tag != 0:
		return v, errors.New("want no tag in trunk mode")
	case tag < 0 || tag > maxVLAN:
		return v, fmt.Errorf("VLAN %d: want %d to %d", tag, minVLAN, maxVLAN)
	}
	v.Tag = uint16(tag)
	for _, n := range trunks {
		if n < 0 || n > maxVLAN {
			return v, fmt.Errorf("VLAN %d: want 0 to %d", n, maxVLAN)
		}
		v.Trunks = append(v.Trunks, uint16(n))
	}
	return v, nil
}

// readVLAN reads a port's section vlan.
func readVLAN(s *mapping) rules.VLAN {
	mode, tag, before := "", 0, len(s.r.errs)
	s.get("mode", func(v value) {
		if i := v.choice("access", "trunk"); i >= 0 {
			mode = [...]string{"access", "trunk"}[i]
		}
	})
	s.get("tag", func(v value) { v.integer(&tag, minVLAN, maxVLAN) })
	var trunks []int
	s.get("trunks", func(v value) { trunks = v.numbers(0, maxVLAN) })
	if len(s.r.errs) > before {
		return rules.VLAN{}
	}
	vlan, err := VLAN(mode, tag, trunks)
	if err != nil {
		s.fail("%v", err)
	}
	return vlan
}

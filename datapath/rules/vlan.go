package rules

import "slices"

// VLAN says how NORMAL treats a port's VLAN tags (ovs-vswitchd.conf.db(5), Port table).
type VLAN struct {
	Mode   VLANMode
	Tag    uint16   // access, native or service VLAN; 0 when Mode is VLANTrunk
	Trunks []uint16 // VLANs carried in the trunk and native modes; empty means all
	// CVLANs are the customer VLANs that VLANDot1qTunnel admits; empty means all. QinQType is the
	// EtherType of its service tag, 0x88a8 or 0x8100; 0 means 0x88a8.
	CVLANs   []uint16
	QinQType uint16
	// PriorityTags says when packets of VLAN 0 leave an untagged port with a tag (other_config:priority-tags).
	PriorityTags PriorityTags
}

// VLANMode is a port's VLAN mode.
type VLANMode uint8

// VLAN modes.
const (
	VLANTrunk          VLANMode = iota // tagged packets of Trunks, untagged ones as VLAN 0
	VLANAccess                         // untagged outside, Tag inside
	VLANNativeTagged                   // as trunk; untagged packets belong to Tag and leave tagged
	VLANNativeUntagged                 // as trunk; packets of Tag leave untagged
	VLANDot1qTunnel                    // every packet gets the service tag Tag inside (IEEE 802.1ad)
)

// PriorityTags says what becomes of a packet's priority where it leaves without a VLAN.
type PriorityTags uint8

// Values of PriorityTags.
const (
	PriorityTagsNever     PriorityTags = iota // no tag
	PriorityTagsIfNonzero                     // a tag of VLAN 0 if it has a priority
	PriorityTagsAlways                        // a tag of VLAN 0
)

// Equal reports whether two ports with these settings treat tags alike.
func (v *VLAN) Equal(o *VLAN) bool {
	return v.Mode == o.Mode && v.Tag == o.Tag && v.QinQType == o.QinQType && v.PriorityTags == o.PriorityTags &&
		slices.Equal(v.Trunks, o.Trunks) && slices.Equal(v.CVLANs, o.CVLANs)
}

// Clone returns v with slices of its own.
func (v *VLAN) Clone() VLAN {
	c := *v
	c.Trunks, c.CVLANs = slices.Clone(v.Trunks), slices.Clone(v.CVLANs)
	return c
}

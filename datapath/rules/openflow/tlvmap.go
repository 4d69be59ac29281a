package openflow

import (
	"errors"
	"fmt"
	"slices"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// ErrOptionUsed says that flows use a tunnel option that is to be removed.
var ErrOptionUsed = errors.New("want no flow or group that uses the field, found one (NXTTMFC_INVALID_TLV_DEL)")

// TunnelOptions returns which tunnel options the table's flows know as tun_metadata fields. The map is a value:
// it stays as it is when options are added and removed.
func (t *Table) TunnelOptions() *flow.TLVMap { return t.tunnelOptions.Load() }

// AddTunnelOptions makes tunnel options known, all or, on an error, none (ovs-ofctl(8), add-tlv-map).
func (t *Table) AddTunnelOptions(options []flow.Option) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	m, err := t.TunnelOptions().Add(options...)
	if err == nil {
		t.tunnelOptions.Store(m)
	}
	return err
}

// DelTunnelOptions removes tunnel options by their fields, all of the map if none is named (ovs-ofctl(8),
// del-tlv-map). As long as a flow or group uses one of the fields it removes nothing and returns ErrOptionUsed.
func (t *Table) DelTunnelOptions(options []flow.Option) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(options) == 0 {
		options = t.TunnelOptions().Options()
	}
	for _, o := range options {
		if user := t.optionUser(o.Field); user != "" {
			return fmt.Errorf("%s: %w: %s", o.Field, ErrOptionUsed, user)
		}
	}
	t.tunnelOptions.Store(t.TunnelOptions().Remove(options...))
	return nil
}

// optionUser names a flow or group that uses a tunnel option; nothing if none does. The caller holds a lock.
func (t *Table) optionUser(f flow.FieldID) string {
	all := AllFlows()
	for _, r := range t.selected(&all) {
		if r.Match.Mask.Any(f) || usesOption(r.Actions, f) {
			return r.String()
		}
	}
	for id, g := range t.groups {
		for _, b := range g.Buckets {
			if usesOption(b.Actions, f) {
				return fmt.Sprintf("group %d", id)
			}
		}
	}
	return ""
}

// SetTunnelOptions makes m the map; it is for a map that Replace made of the table's, and flows that have
// fields which m has not are to be replaced next.
func (t *Table) SetTunnelOptions(m *flow.TLVMap) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !slices.Equal(m.Options(), t.TunnelOptions().Options()) {
		t.tunnelOptions.Store(m)
		t.log.add(change{tag: ^uint64(0)})
	}
}

// usesOption reports whether actions read or write a tunnel option.
func usesOption(list []Action, f flow.FieldID) bool {
	used := errors.New("used")
	return eachPart(list, func(part flow.Subfield, _ bool) error {
		if part.Field == f {
			return used
		}
		return nil
	}) != nil
}

// CheckOptions says which tunnel option of f is not, or not so, in the map.
func (f *Flow) CheckOptions(options *flow.TLVMap) error {
	if err := f.Match.CheckOptions(options); err != nil {
		return err
	}
	return eachPart(f.Actions, func(part flow.Subfield, _ bool) error {
		if !part.Field.IsTunMetadata() {
			return nil
		}
		p := options.Place(part.Field)
		switch {
		case p == nil:
			return fmt.Errorf("%s: want a field with a tunnel option, found none mapped to it (NXFMFC_INVALID_TLV_FIELD)", part.Field)
		case int(part.Off+part.Bits) > 8*p.Size():
			return fmt.Errorf("%s: want bits within 0 to %d (OFPBAC_BAD_SET_LEN)", part, 8*p.Size()-1)
		}
		return nil
	})
}

package vtep

import (
	"net/netip"
	"slices"
)

// SetSelf says what this host's own ends are from now on (Options.Self). Who gets what goes to all is asked again if they
// are others than before. The plug-ins are not told.
func (d *Directory) SetSelf(self []netip.Addr) {
	if d.setSelf(self) {
		d.notify()
	}
}

func (d *Directory) setSelf(self []netip.Addr) (changed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if slices.Equal(d.self, self) {
		return false
	}
	d.self = slices.Clone(self)
	for _, q := range d.book.all(nil) {
		if q.Kind == Flood {
			changed = d.void(d.book.find(q), &Scope{}) || changed
		}
	}
	return changed
}

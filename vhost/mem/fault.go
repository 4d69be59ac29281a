package mem

// Fault reports whether v, as recover returned it, is a fault in the table's memory, and the guest-physical
// address that could not be reached: the guest, or its frontend, has made the file shorter than it was when it
// was mapped, or the host had no page left for it.
//
// The runtime turns such a fault into a panic only in a goroutine that has called debug.SetPanicOnFault(true).
// Any other panic is not about the guest and should go on.
func (t *Table) Fault(v any) (guest uint64, ok bool) {
	// The runtime's error for a fault tells the address (runtime/debug, SetPanicOnFault).
	fault, ok := v.(interface{ Addr() uintptr })
	if !ok {
		return 0, false
	}
	for _, a := range t.guest {
		if off := uint64(fault.Addr() - addressOf(a.mem)); off < uint64(len(a.mem)) {
			return a.base + off, true
		}
	}
	return 0, false
}

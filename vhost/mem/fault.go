package mem

// Fault reports whether v, as recover returned it, is a fault in the table's memory, and the guest-physical
// address that could not be reached: the guest, or its frontend, has made the file shorter than it was when it
// was mapped, or the host had no page left for it.
//
// The runtime turns such a fault into a panic only in a goroutine that has called debug.SetPanicOnFault(true).
// Any other panic is not about the guest and should go on.
func (t *Table) Fault(v any) (guest uint64, ok bool) {
	for _, a := range t.guest {
		if off, ok := faultIn(a.mem, v); ok {
			return a.base + off, true
		}
	}
	return 0, false
}

// Fault reports whether v, as recover returned it, is a fault in the log: see [Table.Fault].
func (l *Log) Fault(v any) bool { return FaultIn(l.whole, v) }

// FaultIn reports whether v, as recover returned it, is a fault in b, some other mapping of a file that somebody
// else may make shorter: see [Table.Fault].
func FaultIn(b []byte, v any) bool {
	_, ok := faultIn(b, v)
	return ok
}

// faultIn returns where in b the fault v is.
func faultIn(b []byte, v any) (off uint64, ok bool) {
	// The runtime's error for a fault tells the address (runtime/debug, SetPanicOnFault).
	fault, ok := v.(interface{ Addr() uintptr })
	if !ok {
		return 0, false
	}
	off = uint64(fault.Addr() - addressOf(b))
	return off, off < uint64(len(b))
}

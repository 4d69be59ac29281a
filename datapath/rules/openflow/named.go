package openflow

import "github.com/culvertdev/culvert/flowcache/flow"

// appendNamed appends actions as AppendActions does, with names for the ports they output to. names may be
// nil.
func appendNamed(b []byte, list []Action, names flow.PortNames) []byte {
	if names == nil || len(list) == 0 {
		return AppendActions(b, list)
	}
	for i, a := range list {
		if i > 0 {
			b = append(b, ',')
		}
		o, ok := a.(*Output)
		if ok && o.Port <= PortMax {
			if _, known := names.PortName(o.Port); known {
				b = flow.AppendPort(append(b, "output:"...), o.Port, names)
				continue
			}
		}
		b = a.appendText(b)
	}
	return b
}

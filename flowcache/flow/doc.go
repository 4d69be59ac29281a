// Package flow holds the flow key: its layout, how it is extracted from packets, hashed, compared under
// a mask, and written as text in ovs-ofctl's syntax.
//
//	frames ──Extract──> Keys ──Key──> Key ─┬─ Match.Matches
//	                     │                 └─ text
//	                     └─ HashBlock, HashMaskedBlock, EqualMasked: what caches are built on
//
// A key is up to ten blocks of 64 bytes, one cache line each; the base block is always there and alone
// serves most traffic. Whoever depends on where fields lie asserts [Version].
//
// It is not a cache and not a rule table: it knows no flows. Nor does it know ports; where a port's
// name is read or printed, or a tunnel option, the caller supplies the [Names].
//
// Memory: keys, masks and matches are values without pointers. Extraction keeps nothing of a frame and
// allocates nothing; text allocates.
//
// Thread-safety: functions that read are safe for concurrent use; a Keys belongs to one worker.
//
// Sources: ovs-fields(7) for fields, prerequisites and widths; ovs-ofctl(8) of Open vSwitch 3.1 for
// text; the behaviour of its flow extraction on malformed packets, held against the program itself by
// the integration test.
package flow

// Package lacp is the Link Aggregation Control Protocol (IEEE 802.1AX-2014, clause 6): who is at the other end of the
// members of a bond, and which of them go to the same system, so that they can be used together.
//
// A [Group] is one end of an aggregation. It has a clock only as far as its caller tells it the time, and sends only
// through what its caller gives it, so that tests and replays run it as they like. It simplifies the standard's
// machines where Open vSwitch 3.1 does: a group is one aggregator, the selection and mux machines are "attached
// or not", and a member that is attached collects and distributes at once. Marker messages are not answered.
//
// Thread-safety: none; the caller lets one goroutine at a time in. Times are nanoseconds on any monotonic clock.
package lacp

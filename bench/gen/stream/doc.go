// Package stream makes the frames of a stream: UDP datagrams of many flows, over IPv4 or IPv6, with VLAN tags, inside
// VXLAN or GENEVE, in one size or a mixture, each with a stamp at its end (package stamp).
//
// # How little is done per frame
//
// Headers are built beforehand, once for each size. A frame is made by copying them to a buffer, adding the number of
// the flow to a field or two, and writing the stamp; the checksums follow from sums that are ready but for these
// words. The payload between is the same in every frame, so that a buffer that has it keeps it: see [Bodies]. Which
// flow is next was drawn beforehand too, however the choice is distributed. So a frame costs one or two cache lines
// written, whatever the stream, and nothing is allocated.
//
// # Flows
//
// The number of a flow is spread over the fields that vary, the first of them taking as many of the low bits as
// it has room for: 15 of a port, 24 of an address. They are added to the field's value in flow 0.
//
// Thread-safety: one goroutine at a time; streams that send by the same [Bodies] share one.
package stream

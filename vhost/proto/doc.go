// Package proto speaks the vhost-user protocol: all messages of both directions, what each may carry, and
// a connection that sends and receives them with their file descriptors.
//
// Two channels carry messages. On the main one the front end (the guest's side) asks and the back end (the
// switch) answers; on the other, which the front end opens with SetBackendReqFD, it is the other way round:
//
//	front end ── requests, descriptors ──▶ back end      main channel: GetFeatures …
//	          ◀── replies, descriptors ──
//	front end ◀── requests, descriptors ── back end      back end's channel: BackendIOTLB …
//	          ── replies ──────────────────▶
//
// A message is a header of 12 bytes, a payload, and at most 8 descriptors beside them. Numbers are in the
// machine's byte order. The table in spec.go says for each request what its payload is, how many
// descriptors come with it and what the reply is; a message that is not exactly that is a [Fault], and every
// descriptor that came with it is closed.
//
// The package knows the form of messages, not their meaning: whether a queue exists or an address is mapped is
// for the device.
//
// Source: "Vhost-user Protocol", QEMU docs/interop/vhost-user.rst, as of QEMU 9; names of that document in
// the comments of the constants. Sizes of three structures follow the C declarations, which all
// implementations send, where the text leaves the padding out: see [Inflight], [IOTLB].
package proto

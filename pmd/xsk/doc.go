// Package xsk is the AF_XDP driver: it opens a network device so that its frames are received into,
// and sent from, the switch's own arena.
//
// A port is an XDP program on the device and one AF_XDP socket per queue. The program sends each
// packet to the socket of the queue it came in by, except what the pass option leaves to the host. A
// socket has four rings in memory shared with the kernel:
//
//	        receive                               transmit
//	we  --- fill: free buffers -->  kernel    we --- transmit: packets --> kernel
//	we <--- receive: packets ------ kernel    we <-- completion: sent ---- kernel
//
// Each socket registers the whole arena as a UMEM of its own, rather than sharing one
// (XDP_SHARED_UMEM): a shared one forces zero-copy or copy on all its sockets, and ports could not
// come and go alone. A frame received on one port is sent on another by its descriptor, without a copy
// in user space. The price is that the kernel pins the arena once per queue.
//
// It is not a way to talk to a device that AF_XDP cannot open (see pmd/afpacket), it does not set
// devices up or down, and it does not parse packets beyond the length of VLAN headers.
//
// # What is chosen, and shown
//
// Open tries the best way first and notes in [pmd.Info] what it got and why not better: native before
// generic, zero-copy before copy, multi-buffer, need-wakeup. The options are the Opt constants.
//
// # What arrives
//
// Established on Linux 6.18 by the tests TestNativeModeTurnsTheSendersSegmentationOff and
// TestGenericModeDeliversUnsegmentedTCP, with veth pairs whose offloads nobody touched:
//
//   - Checksums of locally sent packets are partial in either mode (PartialChecksums).
//   - Native mode turns segmentation off at the sender: nothing arrives that is longer than the MTU.
//   - Generic mode does not. TCP arrives in packets of up to 64 KiB, as chains, and nothing tells what
//     size they were to be cut to: whoever sends them on must cut them to the MTU of the port they
//     leave by, else Send drops them as tx_too_long. Without multi-buffer the kernel drops them itself
//     (xsk_rx_dropped). Native mode is what TCP wants. By the kernel's source, not tested: generic mode
//     comes after GRO, so the same holds for what hardware received.
//   - Native mode on veth wants this end to receive with at least as many queues as the other sends
//     with; otherwise the port is generic, and says so.
//
// # asavie/xdp
//
// Its xdp.Program is the steering object: filled with our program and maps it registers, unregisters
// and closes. Its xdp.Socket is the independent peer of an integration test. Nothing else of it is
// used, because (v0.3.3, measured 2026-11-20 on Linux 6.18, 2 vCPU): Attach and Detach never return
// after a forced generic attachment on veth, and leave the program behind after a crash, where a
// bpf_link goes with the process; Socket.Close leaves the queue busy until the process ends, since the
// rings stay mapped; Transmit panics with ENETDOWN when the link goes down; need-wakeup flags are
// ignored, rings are accessed without atomics, memory cannot be the arena, and no packet may take
// several buffers. Finding 64 free frames takes it 959 ns when the first 2048 are busy. At the rates
// veth allows the two are equal (0.68 Mpps received, 1.1 Mpps sent per core): there the kernel is the
// bottleneck.
//
// # Cost
//
// The kernel's share, copying on veth, is 1 to 1.5 µs a packet and direction. Ours, to receive a
// packet of 60 bytes and send it on, in batches of 64, is 40 ns with the rings' other sides
// (BenchmarkForward), of which the driver's profile has two thirds; 3 ns a direction are the record of
// buffers the kernel holds (BenchmarkHeld). Polling an empty queue takes 5 ns. On veth, need-wakeup,
// busy-poll, multi-buffer and rings from 512 to 4096 make no difference that can be measured: 2.2 µs
// from generator through a forwarder to the sink, all on one core (BenchmarkVethForward), 2.3 in
// generic mode. Larger rings ride out longer pauses; nothing else speaks against the defaults.
//
// # Ownership and threads
//
// A queue's buffers come from a frame.Cache of its own. What the kernel holds is recorded, so that
// Close returns every buffer, and a descriptor for any other is a counted drop. Driver and Port are
// safe for concurrent use; a queue belongs to one worker, and the receive and transmit queue of one
// socket may belong to two. Everything lives in the network namespace of the thread that called Open.
//
// Sources: linux Documentation/networking/af_xdp.rst, include/uapi/linux/if_xdp.h, net/xdp/.
package xsk

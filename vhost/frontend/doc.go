// Package frontend is the guest's half of vhost-user: a port whose other end is a switch with vhost-user ports, such
// as Culvert itself, Open vSwitch or VPP. Network functions written in Go plug into switches by it (see package
// vnf beside it), and it is the other end for tests and load generators.
//
//	frame arena, shared ─────────────────────────────────────────┐
//	                                                              │
//	RxQueue 0 ◀── used ── ring 0 ◀── buffers of the arena ──▶  back end
//	TxQueue 0 ──▶ chains ─ ring 1 ──▶ frames of the arena ──▶  (the switch)
//	RxQueue 1 …            ring 2 …   one pair of rings per queue
//
// Nothing is copied here. The guest's memory is the arena of the pool, descriptors name the frames' buffers,
// and the virtio-net header goes into the headroom. A buffer that is posted for receiving, and a frame that is being
// sent, belong to the ring until the back end gives them back or the ring is reset.
//
// # Sessions
//
// A goroutine per port keeps a session with the back end: it listens for it or connects to it, negotiates, hands over memory
// and rings, and begins anew when the connection ends, for ever. Meanwhile the port has no link, Recv returns
// nothing and Send drops. With INFLIGHT_SHMFD the rings outlive the session: the next back end, told by that memory what
// its predecessor had taken, goes on where that one stopped. Without, rings are reset between sessions: the
// frames in them come home, those that were to be sent are counted as tx_lost.
//
// # Trust
//
// A back end sees all of the pool's memory and can write to it at any time: that is what being a guest means. A port
// of a switch gives its back end all packets of that switch to read and change; use it towards a switch that
// you trust as much as your own, or in a process with a pool of its own. What the back end says is not trusted: ids,
// lengths, headers and messages are checked, and one that lies loses its session with a reason in the log. Packets
// are the owner's once received; a back end that writes to them later changes bytes, not where the program looks.
// The memory's files are sealed, so that it cannot be taken away. The eventfds are shared as well: a back end that makes
// one block can hold up a worker for a second, and loses its session for it.
//
// Thread-safety: as [pmd.Port] says.
//
// Sources: vhost-user (see vhost/proto), VIRTIO 1.2 sections 2.6 to 2.8 and 5.1.
package frontend

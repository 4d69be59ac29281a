package proto

import "net"

// A Payload is what a message says besides its request. Each request has one type of payload, a value of which is what
// [Conn.Receive] returns; nil is the payload of a request that has none.
//
// All addresses, sizes and offsets are in bytes. None of them has been checked: they are what the other side says.
type Payload interface {
	// append appends the payload as it is sent.
	append(dst []byte) []byte
}

// Bounds of payloads.
const (
	MaxPayload = 4096 // bytes: more than any message of the protocol has
	MaxRegions = 8    // in one MemTable
	MaxConfig  = 256  // bytes of configuration space in one message
	MaxFiles   = 8    // descriptors in one message
)

// U64 is a single number: features, a queue count, an MTU, a status, the answer to a request.
type U64 uint64

// VringState is a number about one ring: its size, its base, whether it is enabled.
type VringState struct {
	Index uint32 // of the ring: twice the number of the queue pair, plus 1 for the one the guest transmits on
	Num   uint32
}

// VringAddr says where the parts of a ring are, in user addresses unless VIRTIO_F_ACCESS_PLATFORM was negotiated.
type VringAddr struct {
	Index uint32
	Flags uint32 // VringLog
	Desc  uint64 // descriptor table; packed rings: descriptor ring
	Used  uint64 // used ring; packed rings: device event suppression
	Avail uint64 // available ring; packed rings: driver event suppression
	Log   uint64 // guest address by which writes to the used ring are logged; valid with VringLog
}

// VringLog in VringAddr.Flags asks for writes to the used ring to be logged (VHOST_VRING_F_LOG).
const VringLog = 1

// Region is one piece of guest memory that lies in a file.
type Region struct {
	Guest  uint64 // guest-physical address
	User   uint64 // the front end's virtual address
	Size   uint64
	Offset uint64 // in the file
}

// MemTable is all of the guest's memory, at most MaxRegions pieces. The message's descriptors are their files, in
// the same order.
type MemTable []Region

// Log says where in the message's descriptor the dirty log lies.
type Log struct {
	Size   uint64
	Offset uint64
}

// Kinds of IOTLB messages.
const (
	IOTLBMiss       = 1 // back end to front end: what is at Address?
	IOTLBUpdate     = 2 // front end to back end: this is
	IOTLBInvalidate = 3 // front end to back end: forget it
	IOTLBAccessFail = 4 // back end to front end: not with that permission
)

// Permissions of IOTLB messages.
const (
	IOTLBRead  = 1
	IOTLBWrite = 2
)

// IOTLB is one step of address translation. On the wire it has the 32 bytes of struct vhost_iotlb_msg; the 26
// that the text adds up to are understood as well.
type IOTLB struct {
	Address uint64 // I/O virtual address
	Size    uint64
	User    uint64 // user address
	Perm    uint8  // IOTLBRead, IOTLBWrite
	Type    uint8  // IOTLBMiss …
}

// Config is a part of the device's configuration space. In a reply, no data means that the back end refuses.
type Config struct {
	Offset uint32
	Flags  uint32 // ConfigMigration
	Data   []byte // at most MaxConfig bytes
}

// ConfigMigration in Config.Flags: written by a migration, so that fields which the guest may only read change, too.
const ConfigMigration = 1

// VringArea is memory through which a ring can be kicked.
type VringArea struct {
	Ring   uint64 // bits 0 to 7: index; bit 8: there is no descriptor
	Size   uint64
	Offset uint64 // in the descriptor
}

// Inflight describes the memory in which the back end notes the descriptors it has taken. On the wire it has the 24
// bytes of the C structure; the 20 that the text adds up to are understood as well.
type Inflight struct {
	Size      uint64
	Offset    uint64 // in the descriptor
	Queues    uint16 // number of rings
	QueueSize uint16 // entries of each
}

// VringFile is about a descriptor of one ring: what to read (kick) or write (call, error).
type VringFile struct {
	Index uint8
	None  bool // there is no descriptor: poll, or do not signal
}

// MAC is the address a RARP announces.
type MAC [6]byte

// String returns the address as everybody writes it.
func (m MAC) String() string { return net.HardwareAddr(m[:]).String() }

// UUID names a shared object.
type UUID [16]byte

// Transfer says how the back end's own state is to go through the message's descriptor.
type Transfer struct {
	Direction uint32 // 0: the back end saves, 1: it loads
	Phase     uint32 // 0: stopped
}

// Opaque is a payload of devices other than network ones, not looked into.
type Opaque []byte

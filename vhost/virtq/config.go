package virtq

import (
	"github.com/culvertdev/culvert/vhost/mem"
)

// MaxSize is the most entries a ring has (VIRTIO 1.2, 2.7 and 2.8).
const MaxSize = 32768

// PackedStart is the position of a packed ring that nothing has happened on: descriptor 0, both wrap counters 1.
// A split ring's is 0.
const PackedStart = 1<<31 | 1<<15

// Config describes a ring as it was negotiated.
type Config struct {
	Size int // entries: up to MaxSize, for a split ring a power of two

	// Where the three parts are, by the frontend's addresses (VHOST_USER_SET_VRING_ADDR), or by I/O virtual ones with
	// an IOTLB. VIRTIO calls them Descriptor Area, Driver Area (split: available ring) and Device Area (split: used
	// ring).
	Desc, Driver, Device uint64

	// IOTLB, when set, is what is known of the IOMMU that all addresses in the ring go through
	// (VIRTIO_F_ACCESS_PLATFORM). A queue that wants to know more says so: see Missing. While the IOTLB is changed
	// nobody may use the queue, and Refresh follows.
	IOTLB *mem.IOTLB

	Indirect   bool // VIRTIO_F_INDIRECT_DESC
	EventIndex bool // VIRTIO_F_EVENT_IDX
	InOrder    bool // VIRTIO_F_IN_ORDER: what was only read goes back in batches, by one entry each

	// Reads: the device only reads what it takes, as a network device does with what the guest transmits. Then all
	// that an indirect table of a packed ring names is readable: DPDK's driver leaves what it does not care about
	// marked as writable, the header among it.
	Reads bool

	// Position is where to go on, in the encoding of VHOST_USER_SET_VRING_BASE. See [Split.Position] and
	// [Packed.Position].
	Position uint32

	// Unsure: Position may be where the ring began, because the frontend could not ask the device before. A packed
	// ring that begins there goes on where its descriptors say that a device was; it is RingLost if they do not.
	Unsure bool

	// Log, when set, is told which of the guest's pages were written to (VHOST_F_LOG_ALL).
	Log *mem.Log
	// LogRing logs what is written to the ring as well (VHOST_VRING_F_LOG). A split ring's used ring is logged as if it
	// began at RingLog, which need not be where it is (vhost-user, "Migration"). What is written to in a packed ring is in
	// two places, for which one address is too little: QEMU sends that of the device area, others that of the descriptors.
	// It is logged where it is, and so is any ring behind an IOMMU, whose RingLog is an I/O virtual address.
	LogRing bool
	RingLog uint64

	// Inflight, when set, is the ring's region of the memory that outlives this process and says which chains
	// are taken (VHOST_USER_SET_INFLIGHT_FD). It has InflightBytes, and is mapped as long as the queue is used.
	Inflight []byte
}

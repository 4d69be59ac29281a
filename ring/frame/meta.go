package frame

// Meta is what the switch knows about a packet besides its bytes. It lives in an array indexed by
// buffer number, never inside packet memory, so a guest or the kernel cannot reach it. Only the
// owner of the frame reads or writes it. What it holds is valid only as far as the comment of a
// field says who set it; a buffer just allocated holds old values.
//
// Size: 64 bytes, one cache line; the common path of a packet does not touch it.
type Meta struct {
	InPort uint32 // datapath port the packet came in by; set when it leaves the fast path
	Recirc uint32 // recirculation id, 0 on the first pass; set when it leaves the fast path
	Hash   uint32 // dp_hash; set by action.OpHash and OpLarger, for recirculation ids with flow.RecircHashed
	Total  uint32 // bytes of the whole packet; set when More() > 0
	L3, L4 uint16 // header offsets in bytes from the start of the data; 0 means none
	_      [4]byte
	Next   Frame // next buffer of this packet's chain; set when More() > 0
	Link   Frame // next frame of a [List]
	Offload
	_ [14]byte
}

// Offload says what the sender left to the receiver, in virtio-net's terms (VIRTIO 1.2, 5.1.6).
// Offsets are in bytes from the start of the packet.
type Offload struct {
	CsumStart  uint16      // where checksumming begins; valid with NeedsCsum
	CsumOffset uint16      // where the checksum goes, from CsumStart; valid with NeedsCsum
	HeaderLen  uint16      // bytes of headers before the first payload byte; valid with GSO != GSONone
	GSOSize    uint16      // payload bytes per segment; valid with GSO != GSONone
	GSO        GSOType     // how to segment
	Csum       CsumOffload // what is known of the checksum
}

// GSOType is a segmentation wish; the values are those of virtio_net_hdr.gso_type.
type GSOType uint8

// Segmentation types (linux include/uapi/linux/virtio_net.h).
const (
	GSONone  GSOType = 0
	GSOTCPv4 GSOType = 1
	GSOUDP   GSOType = 3
	GSOTCPv6 GSOType = 4
	GSOUDPL4 GSOType = 5    // several UDP datagrams with the same headers
	GSOECN   GSOType = 0x80 // flag: the TCP segment has ECN set
)

// CsumOffload is what is known of a packet's checksum; the values are those of virtio_net_hdr.flags.
type CsumOffload uint8

// Checksum states (linux include/uapi/linux/virtio_net.h).
const (
	NeedsCsum CsumOffload = 1 // the field holds the pseudo-header's sum, the rest is to be added
	CsumValid CsumOffload = 2 // whoever delivered the packet has checked it
)

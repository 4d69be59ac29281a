package proto

// Features are the feature bits of a virtio network device (VIRTIO 1.2, sections 5.1.3 and 6), and those that vhost
// adds.
type Features uint64

// Feature bits.
const (
	Csum             Features = 1 << 0  // the device takes packets with partial checksums
	GuestCsum        Features = 1 << 1  // the driver does
	CtrlGuestOffload Features = 1 << 2  // the driver changes its offloads while running
	NetMTU           Features = 1 << 3  // the configuration space has the MTU
	NetMAC           Features = 1 << 5  // … and the address
	GSO              Features = 1 << 6  // legacy: any segmentation
	GuestTSO4        Features = 1 << 7  // the driver takes TCP segments of 64 KiB
	GuestTSO6        Features = 1 << 8  //
	GuestECN         Features = 1 << 9  // … with ECN set
	GuestUFO         Features = 1 << 10 // the driver takes UDP datagrams to be fragmented
	HostTSO4         Features = 1 << 11 // the device takes TCP segments of 64 KiB
	HostTSO6         Features = 1 << 12 //
	HostECN          Features = 1 << 13 // … with ECN set
	HostUFO          Features = 1 << 14 // the device takes UDP datagrams to be fragmented
	MrgRxbuf         Features = 1 << 15 // a packet for the driver may take several buffers
	NetStatus        Features = 1 << 16 // the configuration space has the link's state
	CtrlVQ           Features = 1 << 17 // there is a control queue
	CtrlRX           Features = 1 << 18
	CtrlVLAN         Features = 1 << 19
	GuestAnnounce    Features = 1 << 21 // the driver announces itself after a migration
	MQ               Features = 1 << 22 // several queue pairs
	CtrlMACAddr      Features = 1 << 23
	NotifyOnEmpty    Features = 1 << 24 // legacy: an interrupt when the ring has run empty
	LogAll           Features = 1 << 26 // vhost: log what is written to the guest's memory
	AnyLayout        Features = 1 << 27 // legacy: descriptors may split a packet anywhere
	IndirectDesc     Features = 1 << 28
	EventIdx         Features = 1 << 29
	ProtocolBit      Features = 1 << 30 // vhost-user: protocol features are negotiated
	Version1         Features = 1 << 32
	AccessPlatform   Features = 1 << 33 // addresses go through an IOMMU
	RingPacked       Features = 1 << 34
	InOrder          Features = 1 << 35 // buffers are used in the order they were made available
	OrderPlatform    Features = 1 << 36
	SRIOV            Features = 1 << 37
	NotificationData Features = 1 << 38
	RingReset        Features = 1 << 40
	GuestUSO4        Features = 1 << 54 // the driver takes several UDP datagrams as one packet
	GuestUSO6        Features = 1 << 55
	HostUSO          Features = 1 << 56
	HashReport       Features = 1 << 57
	GuestHdrlen      Features = 1 << 59
	RSS              Features = 1 << 60
	SpeedDuplex      Features = 1 << 63
)

var featureNames = names{
	0: "csum", 1: "guest_csum", 2: "ctrl_guest_offloads", 3: "mtu", 5: "mac", 6: "gso", 7: "guest_tso4", 8: "guest_tso6",
	9: "guest_ecn", 10: "guest_ufo", 11: "host_tso4", 12: "host_tso6", 13: "host_ecn", 14: "host_ufo", 15: "mrg_rxbuf",
	16: "status", 17: "ctrl_vq", 18: "ctrl_rx", 19: "ctrl_vlan", 21: "guest_announce", 22: "mq", 23: "ctrl_mac_addr",
	24: "notify_on_empty", 26: "log_all", 27: "any_layout", 28: "indirect_desc", 29: "event_idx", 30: "protocol_features",
	32: "version_1", 33: "access_platform", 34: "ring_packed", 35: "in_order", 36: "order_platform", 37: "sr_iov",
	38: "notification_data", 40: "ring_reset", 54: "guest_uso4", 55: "guest_uso6", 56: "host_uso", 57: "hash_report",
	59: "guest_hdrlen", 60: "rss", 63: "speed_duplex",
}

// Has reports whether f has all bits of want.
func (f Features) Has(want Features) bool { return f&want == want }

// String returns the bits by name: "csum mrg_rxbuf version_1".
func (f Features) String() string { return featureNames.text(uint64(f)) }

// ParseFeatures reads what String writes; commas separate as well.
func ParseFeatures(s string) (Features, error) {
	v, err := featureNames.parse("feature", s)
	return Features(v), err
}

// ProtocolFeatures are the feature bits of the vhost-user protocol itself ("Protocol features").
type ProtocolFeatures uint64

// Protocol feature bits.
const (
	PMQ                  ProtocolFeatures = 1 << 0
	PLogShmFD            ProtocolFeatures = 1 << 1
	PRARP                ProtocolFeatures = 1 << 2
	PReplyAck            ProtocolFeatures = 1 << 3
	PMTU                 ProtocolFeatures = 1 << 4
	PBackendReq          ProtocolFeatures = 1 << 5
	PCrossEndian         ProtocolFeatures = 1 << 6
	PCryptoSession       ProtocolFeatures = 1 << 7
	PPagefault           ProtocolFeatures = 1 << 8
	PConfig              ProtocolFeatures = 1 << 9
	PBackendSendFD       ProtocolFeatures = 1 << 10
	PHostNotifier        ProtocolFeatures = 1 << 11
	PInflightShmFD       ProtocolFeatures = 1 << 12
	PResetDevice         ProtocolFeatures = 1 << 13
	PInbandNotifications ProtocolFeatures = 1 << 14
	PConfigureMemSlots   ProtocolFeatures = 1 << 15
	PStatus              ProtocolFeatures = 1 << 16
	PXenMmap             ProtocolFeatures = 1 << 17
	PSharedObject        ProtocolFeatures = 1 << 18
	PDeviceState         ProtocolFeatures = 1 << 19
)

var protocolNames = names{
	"mq", "log_shmfd", "rarp", "reply_ack", "mtu", "backend_req", "cross_endian", "crypto_session", "pagefault", "config",
	"backend_send_fd", "host_notifier", "inflight_shmfd", "reset_device", "inband_notifications", "configure_mem_slots",
	"status", "xen_mmap", "shared_object", "device_state",
}

// Has reports whether f has all bits of want.
func (f ProtocolFeatures) Has(want ProtocolFeatures) bool { return f&want == want }

// String returns the bits by name: "mq reply_ack".
func (f ProtocolFeatures) String() string { return protocolNames.text(uint64(f)) }

// ParseProtocolFeatures reads what String writes; commas separate as well.
func ParseProtocolFeatures(s string) (ProtocolFeatures, error) {
	v, err := protocolNames.parse("protocol feature", s)
	return ProtocolFeatures(v), err
}

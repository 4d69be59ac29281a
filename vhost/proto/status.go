package proto

// Status is the device status that SET_STATUS carries (VIRTIO 1.2, section 2.1).
type Status uint8

// Status bits.
const (
	StatusAcknowledge Status = 1
	StatusDriver      Status = 2
	StatusDriverOK    Status = 4
	StatusFeaturesOK  Status = 8
	StatusNeedsReset  Status = 64
	StatusFailed      Status = 128
)

var statusNames = names{0: "acknowledge", 1: "driver", 2: "driver_ok", 3: "features_ok", 6: "needs_reset", 7: "failed"}

// String returns the bits by name.
func (s Status) String() string { return statusNames.text(uint64(s)) }

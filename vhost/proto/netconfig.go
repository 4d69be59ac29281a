package proto

import "encoding/binary"

// NetConfigSize is the size of a network device's configuration space, as far as this package knows it.
const NetConfigSize = 12 // bytes

// NetConfig is the configuration space of a network device (VIRTIO 1.2, section 5.1.4), little-endian, the fields that
// every version has.
type NetConfig struct {
	MAC      MAC    // valid with NetMAC
	Status   uint16 // NetLinkUp, NetAnnounce; valid with NetStatus
	MaxPairs uint16 // queue pairs; valid with MQ
	MTU      uint16 // bytes; valid with NetMTU
}

// Bits of NetConfig.Status.
const (
	NetLinkUp   = 1
	NetAnnounce = 2
)

// Append appends the fields as the guest reads them.
func (c NetConfig) Append(b []byte) []byte {
	b = append(b, c.MAC[:]...)
	b = binary.LittleEndian.AppendUint16(b, c.Status)
	b = binary.LittleEndian.AppendUint16(b, c.MaxPairs)
	return binary.LittleEndian.AppendUint16(b, c.MTU)
}

// ParseNetConfig reads the configuration space from its start. ok is false when b is shorter than NetConfigSize.
func ParseNetConfig(b []byte) (c NetConfig, ok bool) {
	if len(b) < NetConfigSize {
		return NetConfig{}, false
	}
	copy(c.MAC[:], b)
	c.Status = binary.LittleEndian.Uint16(b[6:])
	c.MaxPairs = binary.LittleEndian.Uint16(b[8:])
	c.MTU = binary.LittleEndian.Uint16(b[10:])
	return c, true
}

package proto

import "fmt"

// A decoder reads the payload of one kind of message. Its errors wrap ErrSize or ErrPayload.
type decoder func(b []byte) (Payload, error)

// noFile is the bit of a number about a ring's descriptor that says there is none.
const noFile = 1 << 8

// sizes of payloads in bytes
const (
	memHeader      = 8
	regionSize     = 32
	configHeader   = 12
	iotlbSize      = 32
	iotlbBare      = 26
	inflightSize   = 24
	inflightBare   = 20
	vringAddrSize  = 40
	vringStateSize = 8
)

// exactly refuses a payload of another size.
func exactly(b []byte, sizes ...int) error {
	for _, n := range sizes {
		if len(b) == n {
			return nil
		}
	}
	if len(sizes) == 1 {
		return fmt.Errorf("%w: %d bytes, want %d", ErrSize, len(b), sizes[0])
	}
	return fmt.Errorf("%w: %d bytes, want one of %d", ErrSize, len(b), sizes)
}

func nothing(b []byte) (Payload, error) { return nil, exactly(b, 0) }

func u64(b []byte) (Payload, error) {
	if err := exactly(b, 8); err != nil {
		return nil, err
	}
	return U64(order.Uint64(b)), nil
}

// nothingOrU64: back ends differ in what they put into the reply to SET_LOG_BASE.
func nothingOrU64(b []byte) (Payload, error) {
	if len(b) == 0 {
		return nil, nil
	}
	return u64(b)
}

func vringState(b []byte) (Payload, error) {
	if err := exactly(b, vringStateSize); err != nil {
		return nil, err
	}
	return VringState{Index: order.Uint32(b), Num: order.Uint32(b[4:])}, nil
}

func vringAddr(b []byte) (Payload, error) {
	if err := exactly(b, vringAddrSize); err != nil {
		return nil, err
	}
	return VringAddr{
		Index: order.Uint32(b), Flags: order.Uint32(b[4:]),
		Desc: order.Uint64(b[8:]), Used: order.Uint64(b[16:]), Avail: order.Uint64(b[24:]), Log: order.Uint64(b[32:]),
	}, nil
}

func memTable(b []byte) (Payload, error) {
	if len(b) < memHeader {
		return nil, fmt.Errorf("%w: %d bytes, want at least %d", ErrSize, len(b), memHeader)
	}
	n := order.Uint32(b)
	if n > MaxRegions {
		return nil, fmt.Errorf("%w: %d memory regions, want at most %d", ErrPayload, n, MaxRegions)
	}
	if err := exactly(b, memHeader+int(n)*regionSize); err != nil {
		return nil, err
	}
	t := make(MemTable, n)
	for i := range t {
		t[i] = bareRegion(b[memHeader+i*regionSize:])
	}
	return t, nil
}

func region(b []byte) (Payload, error) {
	if err := exactly(b, 8+regionSize); err != nil {
		return nil, err
	}
	return bareRegion(b[8:]), nil
}

func bareRegion(b []byte) Region {
	return Region{Guest: order.Uint64(b), Size: order.Uint64(b[8:]), User: order.Uint64(b[16:]), Offset: order.Uint64(b[24:])}
}

func logOrU64(b []byte) (Payload, error) {
	if len(b) == 8 {
		return u64(b)
	}
	if err := exactly(b, 8, 16); err != nil {
		return nil, err
	}
	return Log{Size: order.Uint64(b), Offset: order.Uint64(b[8:])}, nil
}

func iotlb(b []byte) (Payload, error) {
	if err := exactly(b, iotlbSize, iotlbBare); err != nil {
		return nil, err
	}
	v := IOTLB{
		Address: order.Uint64(b), Size: order.Uint64(b[8:]), User: order.Uint64(b[16:]),
		Perm: b[24], Type: b[25],
	}
	if v.Perm > IOTLBRead|IOTLBWrite || v.Type < IOTLBMiss || v.Type > IOTLBAccessFail {
		return nil, fmt.Errorf("%w: IOTLB message of type %d with permissions %d", ErrPayload, v.Type, v.Perm)
	}
	return v, nil
}

func config(b []byte) (Payload, error) {
	if len(b) < configHeader {
		return nil, fmt.Errorf("%w: %d bytes, want at least %d", ErrSize, len(b), configHeader)
	}
	n := order.Uint32(b[4:])
	if n > MaxConfig {
		return nil, fmt.Errorf("%w: %d bytes of configuration space, want at most %d", ErrPayload, n, MaxConfig)
	}
	if err := exactly(b, configHeader+int(n)); err != nil {
		return nil, err
	}
	return Config{Offset: order.Uint32(b), Flags: order.Uint32(b[8:]), Data: append([]byte(nil), b[configHeader:]...)}, nil
}

// configReply: a reply without any payload means that the back end refuses, as does one without data.
func configReply(b []byte) (Payload, error) {
	if len(b) == 0 {
		return Config{}, nil
	}
	return config(b)
}

func vringArea(b []byte) (Payload, error) {
	if err := exactly(b, 24); err != nil {
		return nil, err
	}
	return VringArea{Ring: order.Uint64(b), Size: order.Uint64(b[8:]), Offset: order.Uint64(b[16:])}, nil
}

func inflight(b []byte) (Payload, error) {
	if err := exactly(b, inflightSize, inflightBare); err != nil {
		return nil, err
	}
	return Inflight{
		Size: order.Uint64(b), Offset: order.Uint64(b[8:]),
		Queues: order.Uint16(b[16:]), QueueSize: order.Uint16(b[18:]),
	}, nil
}

func vringFile(b []byte) (Payload, error) {
	if err := exactly(b, 8); err != nil {
		return nil, err
	}
	n := order.Uint64(b)
	if n&^(noFile|0xff) != 0 {
		return nil, fmt.Errorf("%w: %#x names no ring: bits above 8 are set", ErrPayload, n)
	}
	return VringFile{Index: uint8(n), None: n&noFile != 0}, nil
}

func mac(b []byte) (Payload, error) {
	if err := exactly(b, 8); err != nil {
		return nil, err
	}
	return MAC(b[:6]), nil
}

func uuid(b []byte) (Payload, error) {
	if err := exactly(b, 16); err != nil {
		return nil, err
	}
	return UUID(b), nil
}

func transfer(b []byte) (Payload, error) {
	if err := exactly(b, 8); err != nil {
		return nil, err
	}
	return Transfer{Direction: order.Uint32(b), Phase: order.Uint32(b[4:])}, nil
}

func opaque(b []byte) (Payload, error) { return Opaque(append([]byte(nil), b...)), nil }

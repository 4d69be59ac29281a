package proto

import "fmt"

// headerSize is the size of a message's header: request, flags, payload size.
const headerSize = 12 // bytes

// Flags of a header ("Header").
const (
	versionMask   = 0x3
	version       = 0x1
	flagReply     = 1 << 2
	flagNeedReply = 1 << 3
	knownFlags    = versionMask | flagReply | flagNeedReply
)

// A header is what comes before each payload.
type header struct {
	request uint32
	flags   uint32
	size    uint32 // bytes of payload
}

func parseHeader(b []byte) header {
	return header{order.Uint32(b[:]), order.Uint32(b[4:]), order.Uint32(b[8:])}
}

func (h header) append(b []byte) []byte {
	return order.AppendUint32(order.AppendUint32(order.AppendUint32(b, h.request), h.flags), h.size)
}

// frame reports why the payload behind h cannot be found: nothing that follows on the connection makes sense then.
func (h header) frame() error {
	if h.flags&versionMask != version {
		return fmt.Errorf("%w: version %d", ErrVersion, h.flags&versionMask)
	}
	if h.size > MaxPayload {
		return fmt.Errorf("%w: %d bytes, want at most %d", ErrTooLong, h.size, MaxPayload)
	}
	return nil
}

// check reports what is wrong with the flags of a request, or of a reply.
func (h header) check(reply bool) error {
	if rest := h.flags &^ knownFlags; rest != 0 {
		return fmt.Errorf("%w: %#x", ErrFlags, rest)
	}
	if isReply := h.flags&flagReply != 0; isReply && !reply {
		return fmt.Errorf("%w: a reply nobody asked for", ErrFlags)
	} else if !isReply && reply {
		return fmt.Errorf("%w: a request where a reply should come", ErrFlags)
	}
	return nil
}

package openflow

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// WriteMetadata sets the bits of metadata that Mask has to those of Value. It is an instruction.
type WriteMetadata struct {
	Value, Mask uint64
}

func (a *WriteMetadata) appendText(b []byte) []byte {
	b = appendHexNumber(append(b, "write_metadata:"...), a.Value)
	if a.Mask != ^uint64(0) {
		b = appendHexNumber(append(b, '/'), a.Mask)
	}
	return b
}

func parseWriteMetadata(arg argument) (Action, error) {
	text, maskText, masked := strings.Cut(arg.text, "/")
	a := &WriteMetadata{Mask: ^uint64(0)}
	var err error
	if a.Value, err = strconv.ParseUint(text, 0, 64); err != nil {
		return nil, fmt.Errorf("want a number of up to 64 bits, found %q", text)
	}
	if masked {
		if a.Mask, err = strconv.ParseUint(maskText, 0, 64); err != nil {
			return nil, fmt.Errorf("want a mask of up to 64 bits, found %q", maskText)
		}
	}
	return a, nil
}

func (x *xlate) writeMetadata(a *WriteMetadata) {
	var value, mask [8]byte
	binary.BigEndian.PutUint64(value[:], a.Value&a.Mask)
	binary.BigEndian.PutUint64(mask[:], a.Mask)
	x.write(flow.FieldMetadata, value[:], mask[:])
}

// appendHexNumber appends a number as C's %#x does.
func appendHexNumber(b []byte, v uint64) []byte {
	if v == 0 {
		return append(b, '0')
	}
	return fmt.Appendf(b, "0x%x", v)
}

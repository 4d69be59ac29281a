package openflow

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// Note does nothing: it has bytes for whoever reads the flow.
type Note struct {
	Data []byte
}

func (a *Note) appendText(b []byte) []byte { return appendHex(append(b, "note:"...), a.Data) }

// parseNote reads the bytes of a note and pads them, as OVS does, to 6 more than a multiple of 8.
func parseNote(arg argument) (Action, error) {
	data, err := parseHex(arg.text)
	if err != nil {
		return nil, err
	}
	if len(data) > 0xffff {
		return nil, fmt.Errorf("want at most 65535 bytes, found %d", len(data))
	}
	for len(data)%8 != 6 {
		data = append(data, 0)
	}
	return &Note{Data: data}, nil
}

// parseHex reads bytes in pairs of hex digits, with or without periods between them.
func parseHex(s string) ([]byte, error) {
	data, err := hex.DecodeString(strings.ReplaceAll(s, ".", ""))
	if err != nil {
		return nil, fmt.Errorf("want pairs of hex digits, found %q", s)
	}
	return data, nil
}

// appendHex appends bytes in pairs of hex digits with periods between them.
func appendHex(b, data []byte) []byte {
	for i, c := range data {
		if i > 0 {
			b = append(b, '.')
		}
		b = fmt.Appendf(b, "%02x", c)
	}
	return b
}

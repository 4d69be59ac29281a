package replay

import (
	"errors"
	"fmt"
	"io"

	"github.com/culvertdev/culvert/pmd/pcapport"
)

// An Input is a capture of what a port receives.
type Input struct {
	Port string // name in the configuration
	Path string
}

// A source is an Input being read, with its next packet.
type source struct {
	Input
	capture *pcapport.Capture
	id      uint32 // datapath port
	frame   int    // number of next in the capture, from 1
	next    pcapport.Record
	at      int64 // ns since 1970: of next; of the one before where the file does not say
	ended   bool
}

// openSources opens the captures, which the caller closes, and reads the first packet of each.
func openSources(inputs []Input) ([]*source, error) {
	var all []*source
	for _, in := range inputs {
		c, err := pcapport.OpenCapture(in.Path)
		if err != nil {
			return all, fmt.Errorf("port %s: %w", in.Port, err)
		}
		s := &source{Input: in, capture: c}
		all = append(all, s)
		if err := s.advance(); err != nil {
			return all, err
		}
	}
	return all, nil
}

// advance reads the next packet.
func (s *source) advance() error {
	rec, err := s.capture.Next()
	switch {
	case errors.Is(err, io.EOF):
		s.ended = true
		return nil
	case err != nil:
		return fmt.Errorf("port %s: %w", s.Port, err)
	}
	s.frame++
	s.next = rec
	if !rec.Time.IsZero() {
		s.at = rec.Time.UnixNano()
	}
	return nil
}

// earliest returns the source whose packet comes next: the one captured first; of several, that named first.
// It is nil when all have ended.
func earliest(all []*source) *source {
	var first *source
	for _, s := range all {
		if !s.ended && (first == nil || s.at < first.at) {
			first = s
		}
	}
	return first
}

// packet returns the bytes of the next packet, those that were not captured as zeros, in buf.
func (s *source) packet(buf []byte) []byte {
	buf = append(buf[:0], s.next.Data...)
	if missing := min(s.next.Length, pcapport.SnapLen) - len(buf); missing > 0 {
		buf = append(buf, make([]byte, missing)...)
	}
	return buf
}

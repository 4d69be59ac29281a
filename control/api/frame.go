package api

import (
	"encoding/json"
	"errors"
	"io"
)

// errTooLong is returned for a request longer than the limit. What follows it cannot be found.
var errTooLong = errors.New("request too long")

// A messageReader takes a stream of JSON values apart, none longer than a limit.
type messageReader struct {
	r     io.Reader
	dec   *json.Decoder
	limit int64
	read  int64 // bytes taken from r
	done  int64 // of these, bytes of messages returned
}

func newMessageReader(r io.Reader, limit int64) *messageReader {
	m := &messageReader{r: r, limit: limit}
	m.dec = json.NewDecoder(m)
	return m
}

// Read gives the decoder bytes as long as the message it is reading stays within the limit.
func (m *messageReader) Read(p []byte) (int, error) {
	room := m.limit + 1 - (m.read - m.done) // 1: the decoder looks at the byte behind a string or number
	if room <= 0 {
		return 0, errTooLong
	}
	if int64(len(p)) > room {
		p = p[:room]
	}
	n, err := m.r.Read(p)
	m.read += int64(n)
	return n, err
}

// next returns the next message. An error ends the stream.
func (m *messageReader) next() (json.RawMessage, error) {
	var msg json.RawMessage
	err := m.dec.Decode(&msg)
	m.done = m.dec.InputOffset()
	if int64(len(msg)) > m.limit {
		return nil, errTooLong
	}
	return msg, err
}

package pcapport

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// A Record is one packet of a capture.
type Record struct {
	Data   []byte    // what was captured; valid until the next Record is read
	Length int       // bytes the packet had, at least those captured
	Time   time.Time // when it was captured; zero when the file does not say
}

// A Capture reads the packets of a file one after the other, in every format that a port takes.
//
// Thread-safety: one goroutine at a time.
type Capture struct {
	file *os.File
	c    capture
	n    int // records read
}

// OpenCapture opens a file and reads its header.
func OpenCapture(path string) (*Capture, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	c, err := newCapture(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read %s: %w", path, err), f.Close())
	}
	return &Capture{file: f, c: c}, nil
}

// Next returns the next packet, io.EOF after the last one.
func (c *Capture) Next() (Record, error) {
	rec, err := c.c.next()
	if err == io.EOF { // as it is: a wrapped one is an error of something inside
		return Record{}, io.EOF
	}
	c.n++
	if err != nil {
		return Record{}, fmt.Errorf("read %s: packet %d: %w", c.file.Name(), c.n, noEOF(err))
	}
	return Record{Data: rec.data, Length: rec.full, Time: rec.at}, nil
}

// Close closes the file.
func (c *Capture) Close() error { return c.file.Close() }

package replay

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"github.com/culvertdev/culvert/pmd/pcapport"
)

// outputs are the captures of what ports send, made as the first packet of each comes.
type outputs struct {
	dir   string // "": none are written
	files map[string]*output
}

// An output is the capture of one port.
type output struct {
	file *os.File
	buf  *bufio.Writer
	w    *pcapgo.Writer
}

// write adds a packet to the capture of a port.
func (o *outputs) write(port string, at time.Time, packet []byte) error {
	if o.dir == "" {
		return nil
	}
	f := o.files[port]
	if f == nil {
		var err error
		if f, err = newOutput(filepath.Join(o.dir, fileName(port))); err != nil {
			return err
		}
		o.files[port] = f
	}
	ci := gopacket.CaptureInfo{Timestamp: at, CaptureLength: len(packet), Length: len(packet)}
	return f.w.WritePacket(ci, packet)
}

// fileName returns the name of a port's capture. Names of ports can hold no separator of paths.
func fileName(port string) string { return port + ".pcap" }

// newOutput makes a capture with time stamps in nanoseconds.
func newOutput(path string) (*output, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	f := &output{file: file, buf: bufio.NewWriterSize(file, 1<<16)}
	f.w = pcapgo.NewWriterNanos(f.buf)
	if err := f.w.WriteFileHeader(pcapport.SnapLen, layers.LinkTypeEthernet); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return f, nil
}

// close writes what is left and closes the files.
func (o *outputs) close() error {
	var errs []error
	for _, f := range o.files {
		errs = append(errs, f.buf.Flush(), f.file.Close())
	}
	return errors.Join(errs...)
}

// prepare makes the directory and takes the captures of an earlier replay out of it: those of ports, and no
// other file.
func (o *outputs) prepare(ports []string) error {
	if o.dir == "" {
		return nil
	}
	if err := os.MkdirAll(o.dir, 0o777); err != nil {
		return err
	}
	for _, p := range ports {
		if err := os.Remove(filepath.Join(o.dir, fileName(p))); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove what an earlier replay wrote: %w", err)
		}
	}
	return nil
}

// overlaps says which input an output would replace, "" if none.
func (o *outputs) overlaps(inputs []Input, ports []string) string {
	if o.dir == "" {
		return ""
	}
	for _, p := range ports {
		out, err := os.Stat(filepath.Join(o.dir, fileName(p)))
		if err != nil {
			continue
		}
		for _, in := range inputs {
			if f, err := os.Stat(in.Path); err == nil && os.SameFile(f, out) {
				return strings.TrimSpace(in.Path)
			}
		}
	}
	return ""
}

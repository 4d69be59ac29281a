// Package pcapport is a port that receives what a capture file holds and writes what is sent to it
// into another: for tests of the whole switch, for replays, and to look at traffic.
//
//	file ─▶ reader goroutine ── ring of frames ─▶ RxQueue        worker
//	file ◀─ writer goroutine ◀─ ring of frames ── TxQueue
//
// The files are read and written off the worker: what it does for a packet is what it does for a
// memory port. Reading waits when the worker does not keep up, so nothing of the file is lost;
// writing cannot hold the worker up, so what finds the ring full is dropped and counted.
//
// Formats: pcap with micro- or nanoseconds, either byte order, plain or gzip, by gopacket's pcapgo;
// pcapng by a reader of its own, since pcapgo's divides by zero and allocates up to 4 GiB when a file
// tells it to. Only Ethernet packets. Written files are pcap with nanoseconds.
//
// Thread-safety: as [pmd.Port] says. Memory: frames in the rings belong to the port.
package pcapport

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/culvertdev/culvert/ring/frame"
)

// DriverName is what Info calls this driver.
const DriverName = "pcap"

// Bounds of the options.
const (
	MinRingSize = 2
	MaxRingSize = 1 << 20
	MinMTU      = 68 // bytes: RFC 791, section 3.2
	MaxMTU      = 65535
)

// SnapLen is the longest packet read, and the snapshot length written files state.
const SnapLen = 262144 // bytes; what tcpdump writes by default

// tagRoom is what a frame may have beyond the MTU: Ethernet header and two VLAN tags.
const tagRoom = 14 + 2*4 // bytes

// Options configure a port. The zero value of each field but Pool picks the default named beside it.
type Options struct {
	Pool     *frame.Pool      // where received frames come from; required
	Log      *slog.Logger     // default: discard
	In       string           // file to read; default: receive nothing
	Out      string           // file to write, replaced if it exists; default: drop what is sent
	Timing   bool             // keep the capture's gaps between packets; default: as fast as possible
	Loop     int              // times In is read; default 1, below 0: until the port is closed
	RingSize int              // frames per direction, a power of two; default 4096
	MTU      int              // bytes; default 65535
	MAC      net.HardwareAddr // default: none
	// Clock says when a written packet was sent; default time.Now. The writer goroutine calls it once
	// per packet, in order, as it takes the packet from the ring: some microseconds after Send.
	Clock func() time.Time
}

// Open opens the files and starts reading. Errors of In's first bytes are returned; later ones stop
// the port, see [Port.Err].
func Open(name string, o Options) (*Port, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("open pcap port %s: %w", name, err)
	}
	p, err := open(name, o)
	if err != nil {
		return nil, fmt.Errorf("open pcap port %s: %w", name, err)
	}
	return p, nil
}

func (o Options) withDefaults() (Options, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Loop == 0 {
		o.Loop = 1
	}
	if o.RingSize == 0 {
		o.RingSize = 4096
	}
	if o.MTU == 0 {
		o.MTU = MaxMTU
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	switch {
	case o.Pool == nil:
		return o, errors.New("no frame pool")
	case o.In == "" && o.Out == "":
		return o, errNoFile
	case o.RingSize < MinRingSize || o.RingSize > MaxRingSize || o.RingSize&(o.RingSize-1) != 0:
		return o, fmt.Errorf("ring size %d: want a power of two from %d to %d", o.RingSize, MinRingSize, MaxRingSize)
	case o.MTU < MinMTU || o.MTU > MaxMTU:
		return o, fmt.Errorf("MTU %d bytes: want %d to %d", o.MTU, MinMTU, MaxMTU)
	}
	return o, checkFiles(o.In, o.Out)
}

var errNoFile = errors.New("neither a file to read nor one to write: want option in or out")

// checkFiles refuses to replace the file that is to be read.
func checkFiles(in, out string) error {
	if in == "" || out == "" {
		return nil
	}
	a, err := os.Stat(in)
	if err != nil {
		return err
	}
	if b, err := os.Stat(out); err == nil && os.SameFile(a, b) {
		return fmt.Errorf("write %s: it is the file to read", out)
	}
	return nil
}

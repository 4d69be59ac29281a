package pcapport

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/option"
	"github.com/culvertdev/culvert/ring/frame"
)

// A Driver opens pcap ports.
//
// Thread-safety: all methods are safe for concurrent use.
type Driver struct {
	pool *frame.Pool
	log  *slog.Logger
}

// New returns a driver whose ports carry frames of pool.
func New(pool *frame.Pool, log *slog.Logger) *Driver { return &Driver{pool: pool, log: log} }

// Open implements pmd.Driver.
//
//	in         file              capture to receive, pcap or pcapng, plain or gzip     default none
//	out        file              capture to write, replaced if it exists               default none
//	pace       none, capture     as fast as possible, or with the capture's gaps       default none
//	loop       0 to 2^31-1       times in is read, 0: until the port is closed         default 1
//	ring-size  2 to 1048576      frames per direction, a power of two                  default 4096
//	mtu        68 to 65535       bytes                                                 default 65535
//	mac        unicast address   what the port calls its own                           default none
//
// At least one of in and out is required.
func (d *Driver) Open(_ context.Context, name string, options map[string]string) (pmd.Port, error) {
	o, err := parse(name, options)
	if err != nil {
		return nil, fmt.Errorf("open pcap port %s: %w", name, err)
	}
	o.Pool, o.Log = d.pool, d.log
	p, err := Open(name, o)
	if err != nil {
		return nil, err // not p: an interface that holds a nil *Port is not nil
	}
	return p, nil
}

// CheckOptions reports everything that is wrong with the options of a port, without opening anything.
func CheckOptions(options map[string]string) error {
	o, err := parse("", options)
	if err == nil && o.In == "" && o.Out == "" {
		return errNoFile
	}
	return err
}

// parse reads the options of the port called name.
func parse(name string, options map[string]string) (Options, error) {
	s := option.Of(options)
	o := Options{
		In:       s.String("in", ""),
		Out:      s.String("out", ""),
		Timing:   s.Choice("pace", "none", "capture") == "capture",
		Loop:     s.Int("loop", 1, 0, 1<<31-1),
		RingSize: s.Int("ring-size", 4096, MinRingSize, MaxRingSize),
		MTU:      s.Int("mtu", MaxMTU, MinMTU, MaxMTU),
		MAC:      s.MAC("mac"),
	}
	if o.Loop == 0 {
		o.Loop = -1
	}
	return o, s.Err()
}

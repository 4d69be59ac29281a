package afpacket

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/option"
	"github.com/culvertdev/culvert/ring/frame"
)

// A Driver opens afpacket ports.
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
//	device       name               network device, which exists                          default the port's name
//	queues       1 to 64            sockets, between which the kernel divides flows       default 1
//	backlog      65536 to 2^30      bytes of packets the kernel keeps for each queue      default 8388608
//	promiscuous  true, false        receive packets to other addresses than the device's  default true
func (d *Driver) Open(_ context.Context, name string, options map[string]string) (pmd.Port, error) {
	o, err := parse(name, options)
	if err != nil {
		return nil, fmt.Errorf("open afpacket port %s: %w", name, err)
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
	_, err := parse("", options)
	return err
}

// parse reads the options of the port called name.
func parse(name string, options map[string]string) (Options, error) {
	s := option.Of(options)
	o := Options{
		Device:    s.String("device", name),
		Queues:    s.Int("queues", 1, 1, MaxQueues),
		Backlog:   s.Int("backlog", 8<<20, MinBacklog, MaxBacklog),
		Selective: !s.Bool("promiscuous", true),
	}
	return o, s.Err()
}

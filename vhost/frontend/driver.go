package frontend

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/frame"
)

// A Driver opens ports that are guests of another switch.
//
// Thread-safety: all methods are safe for concurrent use.
type Driver struct {
	pool *frame.Pool
	log  *slog.Logger
}

// New returns a driver whose ports carry frames of pool, which their back ends see.
func New(pool *frame.Pool, log *slog.Logger) *Driver { return &Driver{pool: pool, log: log} }

// Open implements pmd.Driver.
//
//	path         file              Unix socket                                                  required
//	mode         server, client    listen for the back end, or connect to it                    default server
//	queues       1 to 64           queue pairs                                                  default 1
//	ring-size    64 to 32768       entries per ring, a power of two                             default 1024
//	mtu          68 to 65521       bytes                                                        default 1500
//	mac          unicast address   what the port calls its own                                  default none
//	packed       true, false       packed rings, where the back end has them                    default true
//	in-order     true, false       buffers come back in order, where the back end agrees        default true
//	mergeable    true, false       packets longer than a buffer, where the back end has them    default true
//	indirect     true, false       a packet in several buffers takes one entry of its ring          default true
//	event-index  true, false       notifications are asked for by index                         default true
//	inflight     true, false       the rings outlive a back end that can have that              default true
//	offload      true, false       checksums and segments may be left to the other side         default true
func (d *Driver) Open(_ context.Context, name string, options map[string]string) (pmd.Port, error) {
	o, err := parse(options)
	if err != nil {
		return nil, fmt.Errorf("open vhost-user port %s: %w", name, err)
	}
	o.Pool, o.Log = d.pool, d.log
	p, err := Open(name, o)
	if err != nil {
		return nil, err // not p: an interface that holds a nil *Port is not nil
	}
	return p, nil
}

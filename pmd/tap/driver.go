package tap

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/option"
	"github.com/culvertdev/culvert/ring/frame"
)

// A Driver opens tap ports.
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
//	device     name              TAP device, created if there is none; a %d in it is a     default the port's name
//	                             number the kernel picks
//	queues     1 to 256          receive queues, and as many transmit queues               default 1
//	mtu        68 to 65521       bytes                                                     default the device's
//	mac        unicast address   of the host's side                                        default the device's
//	address    list of CIDRs     addresses of the host's side                              default none
//	up         true, false       bring the device up                                       default true
//	persist    true, false       keep the device when the port is closed                   default false
func (d *Driver) Open(_ context.Context, name string, options map[string]string) (pmd.Port, error) {
	o, err := parse(name, options)
	if err != nil {
		return nil, fmt.Errorf("open tap port %s: %w", name, err)
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
		MTU:       s.Int("mtu", 0, MinMTU, MaxMTU),
		MAC:       s.MAC("mac"),
		Addresses: s.Prefixes("address"),
		Down:      !s.Bool("up", true),
		Persist:   s.Bool("persist", false),
	}
	return o, s.Err()
}

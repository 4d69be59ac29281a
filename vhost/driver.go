package vhost

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/cpu"
	"github.com/culvertdev/culvert/pmd/option"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/mem"
	"github.com/culvertdev/culvert/vhost/proto"
)

// A Driver opens vhost-user ports.
//
// Thread-safety: all methods are safe for concurrent use.
type Driver struct {
	pool  *frame.Pool
	log   *slog.Logger
	clock func() *cpu.Clock // made when the first port is opened
	space mem.Space         // of all ports
}

// New returns a driver whose ports carry frames of pool.
func New(pool *frame.Pool, log *slog.Logger) *Driver {
	return &Driver{pool: pool, log: log, clock: sync.OnceValue(cpu.NewClock)}
}

// Open implements pmd.Driver.
//
//	path      file              the Unix socket                                               required
//	mode      client, server    connect to the socket, or listen on it                        default client
//	queues    1 to 64           queue pairs that a guest may have                             default 1
//	mtu       68 to 65535       bytes                                                         default 1500
//	mac       unicast address   what the port calls its own                                   default none
//	without   feature names     what is not offered to the guest, such as packed              default none
//	gather    0s to 1ms         how long packets may wait under load, to be fetched together  default 32us
//	memory    1 to 4194304      MiB that a guest may share                                    default 4194304
func (d *Driver) Open(_ context.Context, name string, options map[string]string) (pmd.Port, error) {
	o, err := parse(options)
	if err != nil {
		return nil, fmt.Errorf("open vhost-user port %s: %w", name, err)
	}
	o.Pool, o.Log, o.Clock, o.space = d.pool, d.log, d.clock(), &d.space
	p, err := Open(name, o)
	if err != nil {
		return nil, err // not p: an interface that holds a nil *Port is not nil
	}
	return p, nil
}

// CheckOptions reports everything that is wrong with the options of a port, without opening anything.
func CheckOptions(options map[string]string) error {
	_, err := parse(options)
	return err
}

// parse reads a port's options.
func parse(options map[string]string) (Options, error) {
	s := option.Of(options)
	o := Options{
		Path:   s.String("path", ""),
		Server: s.Choice("mode", "client", "server") == "server",
		Queues: s.Int("queues", 1, 1, MaxQueues),
		MTU:    s.Int("mtu", 1500, MinMTU, MaxMTU),
		MAC:    s.MAC("mac"),
		Gather: s.Duration("gather", DefaultGather, maxGather),
		Memory: uint64(s.Int("memory", mem.MaxGuest>>20, 1, mem.MaxGuest>>20)) << 20,
	}
	if o.Gather == 0 {
		o.Gather = -1
	}
	if o.Path == "" || len(o.Path) > maxPath {
		s.Fail("path", fmt.Sprintf("the path of a Unix socket, of 1 to %d bytes", maxPath))
	}
	for _, name := range s.List("without") {
		f, ok := optional[name]
		if !ok {
			s.Fail("without", "names out of "+strings.Join(slices.Sorted(maps.Keys(optional)), ", "))
			break
		}
		o.Without |= f
	}
	return o, s.Err()
}

// optional is what a port may be told not to offer, by name.
var optional = map[string]proto.Features{
	"csum":      proto.Csum | proto.GuestCsum,
	"tso":       proto.HostTSO4 | proto.HostTSO6 | proto.HostECN | proto.GuestTSO4 | proto.GuestTSO6 | proto.GuestECN,
	"uso":       proto.HostUSO | guestUSO,
	"mrg_rxbuf": proto.MrgRxbuf,
	"indirect":  proto.IndirectDesc,
	"event_idx": proto.EventIdx,
	"packed":    proto.RingPacked,
	"in_order":  proto.InOrder,
	"mq":        proto.MQ,
	"mtu":       proto.NetMTU,
	"log":       proto.LogAll,
	"version_1": proto.Version1,
	"iommu":     proto.AccessPlatform,
}

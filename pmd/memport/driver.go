package memport

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/option"
	"github.com/culvertdev/culvert/ring/frame"
)

// A Driver opens memory ports. Two ports it opens with the same link option are each other's other
// end; a port without the option has none until [Port.Attach].
//
// Thread-safety: all methods are safe for concurrent use.
type Driver struct {
	pool  *frame.Pool
	log   *slog.Logger
	mu    sync.Mutex
	links map[string]*named
}

// A named link is one that ports find by the link option.
type named struct {
	*link
	ports [2]string // names of the ports at its ends, empty where there is none
}

// New returns a driver whose ports carry frames of pool.
func New(pool *frame.Pool, log *slog.Logger) *Driver {
	return &Driver{pool: pool, log: log, links: make(map[string]*named)}
}

// Open implements pmd.Driver.
//
//	queues     1 to 64           receive queues, and as many transmit queues      default 1
//	ring-size  2 to 65536        frames per queue and direction, a power of two   default 2048
//	mtu        68 to 65535       bytes                                            default 1500
//	mac        unicast address   what the port calls its own                      default none
//	link       any name          connects the two ports that have the same        default none
func (d *Driver) Open(_ context.Context, name string, options map[string]string) (pmd.Port, error) {
	o, link, err := parse(options)
	if err != nil {
		return nil, fmt.Errorf("open memory port %s: %w", name, err)
	}
	o.Pool, o.Log = d.pool, d.log
	if o, err = o.withDefaults(); err != nil {
		return nil, fmt.Errorf("open memory port %s: %w", name, err)
	}
	p, err := d.open(name, link, o)
	if err != nil {
		return nil, fmt.Errorf("open memory port %s: %w", name, err)
	}
	return p, nil
}

// CheckOptions reports everything that is wrong with the options of a port, without opening anything.
func CheckOptions(options map[string]string) error {
	_, _, err := parse(options)
	return err
}

// parse reads a port's options and the name of its link.
func parse(options map[string]string) (o Options, link string, err error) {
	s := option.Of(options)
	o = Options{
		Queues:   s.Int("queues", 1, 1, MaxQueues),
		RingSize: s.Int("ring-size", 2048, MinRingSize, MaxRingSize),
		MTU:      s.Int("mtu", 1500, minMTU, MaxMTU),
		MAC:      s.MAC("mac"),
	}
	link = s.String("link", "")
	if o.RingSize&(o.RingSize-1) != 0 {
		s.Fail("ring-size", "a power of two")
	}
	return o, link, s.Err()
}

// open opens a port at a free end of the link called by that name, or of a new one.
func (d *Driver) open(name, link string, o Options) (*Port, error) {
	if link == "" {
		return openAlone(name, o)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.links[link]
	if l == nil {
		fresh, err := newLink(o)
		if err != nil {
			return nil, err
		}
		l = &named{link: fresh}
	}
	end := 0
	if l.ports[0] != "" {
		end = 1
	}
	if l.ports[end] != "" {
		return nil, fmt.Errorf("link %s connects ports %s and %s already", link, l.ports[0], l.ports[1])
	}
	p, err := l.open(name, end, o)
	if err != nil {
		if l.ports[1-end] == "" {
			return nil, destroyAfter(err, l.link)
		}
		return nil, fmt.Errorf("link %s to port %s: %w", link, l.ports[1-end], err)
	}
	l.ports[end] = name
	d.links[link] = l
	p.leave = func() error { return d.leave(link, p) }
	return p, nil
}

// leave takes the port off the link called by that name. The lock covers both steps, so that no port
// joins a link that is being destroyed.
func (d *Driver) leave(link string, p *Port) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	last, err := p.link.leave(p.end, p.own.tx[0].cache)
	if last {
		delete(d.links, link)
	} else {
		d.links[link].ports[p.end] = ""
	}
	return err
}

package prober

import (
	"errors"
	"fmt"

	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/frontend"
)

// ringSize is how many descriptors a guest's ring has.
const ringSize = 1024

// Guests are two guests in this process, at the sockets that a switch connects to.
type guests struct {
	pool  *frame.Pool
	cache *frame.Cache
	ports [2]*frontend.Port
}

// newGuests opens them, with options that leave out what is the guests' own.
func newGuests(sockets [2]string, o frontend.Options) (g *guests, err error) {
	g = new(guests)
	defer func() {
		if err != nil {
			err = errors.Join(err, g.Close())
		}
	}()
	if g.pool, err = frame.NewPool(frame.Options{Buffers: 8192}); err != nil {
		return nil, err
	}
	if g.cache, err = g.pool.NewCache(); err != nil {
		return nil, err
	}
	o.Pool, o.RingSize = g.pool, ringSize
	for i, path := range sockets {
		o.Path = path
		if g.ports[i], err = frontend.Open(fmt.Sprint("guest", i), o); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// Close closes the guests' ports.
func (g *guests) Close() error {
	var errs []error
	for _, port := range g.ports {
		if port != nil {
			errs = append(errs, port.Close())
		}
	}
	if g.cache != nil {
		g.cache.Close()
	}
	if g.pool != nil {
		errs = append(errs, g.pool.Close())
	}
	return errors.Join(errs...)
}

package xsk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/frame"
)

// A Driver opens network devices by AF_XDP.
//
// Thread-safety: safe for concurrent use.
type Driver struct {
	pool *frame.Pool
	log  *slog.Logger
}

var _ pmd.Driver = (*Driver)(nil)

// New returns a driver whose ports take their frames from pool, which must outlive them, and report
// link changes to log.
func New(pool *frame.Pool, log *slog.Logger) *Driver { return &Driver{pool: pool, log: log} }

// Open implements pmd.Driver. The device is looked up in the network namespace of the calling thread
// (lock the goroutine to it when that matters), and the port stays in that namespace. The
// options are the Opt constants. ctx bounds how long Open waits for a queue that its last owner is
// still giving back.
func (d *Driver) Open(ctx context.Context, name string, options map[string]string) (pmd.Port, error) {
	c, err := parse(name, options)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	// Every socket below belongs to the namespace of the thread that makes it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	p := &Port{name: name, pool: d.pool, log: d.log.With("port", name), promisc: -1, done: make(chan struct{})}
	if err := p.open(ctx, c); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", name, err), p.Close())
	}
	return p, nil
}

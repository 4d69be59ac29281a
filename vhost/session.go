package vhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
	"time"

	"github.com/culvertdev/culvert/vhost/proto"
)

// Times between two attempts.
const (
	firstRetry = 100 * time.Millisecond // doubles up to lastRetry
	lastRetry  = 2 * time.Second
	steady     = 5 * time.Second // a session that lasted so long ends the doubling, as does one that ended without a fault
	lookAfter  = 100 * time.Millisecond
	firstHeld  = 100 // pauses as long as the first, after a session that has held a worker; doubles, for as long as the port is open
	lastHeld   = time.Hour
)

// errSilent ends a session with somebody who has connected and wants nothing: others may. QEMU becomes the owner at
// once (VHOST_USER_SET_OWNER), long before there is a driver; DPDK does not when it is connected to again, and goes on with
// the features.
var errSilent = errors.New("the frontend has neither become the owner nor set features in time")

// errClosing ends a session because the port is being closed.
var errClosing = errors.New("the port is being closed")

// run has one session after the other until the port is closed.
func (p *Port) run(ctx context.Context, w way) {
	defer close(p.ended)
	retry, held := p.o.retry, firstHeld*p.o.retry
	for ctx.Err() == nil {
		full := p.bin.Full() // each session could leave more
		p.setDeaf(full)
		if full {
			sleep(ctx, retry)
			continue
		}
		conn, err := w.next(ctx)
		if err == nil {
			begun := time.Now()
			err = p.session(ctx, conn)
			if errors.Is(err, errCallBlocks) {
				sleep(ctx, held)
				held = min(2*held, lastHeld)
			}
			// Of a server the next one that connects may be another.
			if p.o.Server || errors.Is(err, io.EOF) || time.Since(begun) >= steady {
				retry = p.o.retry
			}
			if p.o.Server && (errors.Is(err, io.EOF) || errors.Is(err, errSilent)) && time.Since(begun) >= p.o.retry {
				continue // who comes and goes at once gets the pause: a session costs more to begin and end than to ask for
			}
		} else if p.state.waiting(err) && ctx.Err() == nil {
			p.log.Info("no frontend", "path", p.o.Path, "reason", err)
		}
		sleep(ctx, retry)
		retry = min(2*retry, lastRetry)
	}
	if err := w.close(); err != nil {
		p.log.Warn("socket does not close cleanly", "path", p.o.Path, "error", err)
	}
}

// session serves one frontend until the connection ends, and says why it did.
func (p *Port) session(ctx context.Context, conn *net.UnixConn) error {
	p.state.connected()
	p.log.Info("frontend connected", "path", p.o.Path)
	err := p.serve(ctx, proto.NewConn(conn))
	p.state.ended(err)
	switch {
	case errors.Is(err, errClosing):
	case errors.Is(err, io.EOF):
		p.log.Info("frontend has gone", "path", p.o.Path)
	default:
		p.log.Warn("session ended", "path", p.o.Path, "reason", err)
	}
	return err
}

// serve answers messages until something ends the session, which it returns.
func (p *Port) serve(ctx context.Context, conn *proto.Conn) (err error) {
	// The session looks at the guest's memory as well: see rxQueue.Recv.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	select {
	case <-p.faults: // of the session before
	default:
	}
	conn.SetTimeout(p.o.patience)
	conn.SetBin(&p.bin)
	d := newDevice(p, conn)
	guard := p.guard(ctx, d, conn)
	defer func() {
		// Closing the device waits for workers, whom the guard gets out of where a frontend holds them.
		closing := d.close()
		if cause := guard(); cause != nil {
			err = cause
		}
		if closing != nil {
			p.log.Warn("session does not close cleanly", "error", closing)
		}
	}()
	introduced := time.Now().Add(p.o.patience)
	for {
		m, err := conn.ReceiveBy(introduced)
		if errors.Is(err, os.ErrDeadlineExceeded) && time.Now().After(introduced) && !introduced.IsZero() {
			return errSilent
		}
		if err != nil {
			var f *proto.Fault
			if errors.As(err, &f) && errors.Is(err, proto.ErrUnknown) {
				err = conn.Refuse(f) // a request of a newer protocol, whose sender can take no for an answer
			}
			if err != nil {
				return err
			}
			continue
		}
		err = d.handle(m)
		if m.Request == proto.SetOwner || m.Request == proto.SetFeatures {
			introduced = time.Time{} // its guest may take as long as it likes
		}
		m.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", m.Request, err)
		}
		if p.bin.Full() {
			return errStuckFiles
		}
	}
}

// setDeaf says whether frontends have left so many files that nobody is listened to, if that is news.
func (p *Port) setDeaf(deaf bool) {
	switch {
	case !p.state.setDeaf(deaf):
	case deaf:
		p.log.Warn("no frontend is listened to", "path", p.o.Path, "reason", deafReason)
	default:
		p.log.Info("frontends are listened to again", "path", p.o.Path)
	}
}

// errStuckFiles ends a session that has sent more files whose owners do not answer than are waited for.
var errStuckFiles = fmt.Errorf("too many files: %w", proto.ErrStuck)

// guard ends the session when the port is closed or a worker has found something wrong: Receive returns then. It
// also frees workers that do not come back from telling the guest, and sees whether the guest takes packets. What it returns ends it, and says why it has
// ended the session, if it has.
func (p *Port) guard(ctx context.Context, d *device, conn *proto.Conn) (stop func() error) {
	quit, done := make(chan struct{}), make(chan error, 1)
	go func() {
		var cause error
		ended := func(err error) {
			if cause == nil {
				cause = err
			}
			conn.Close() // twice is harmless, and there is nobody to tell of errors
		}
		idle := newIdleness(p)
		tick := time.NewTicker(lookAfter)
		defer tick.Stop()
		closing := ctx.Done()
		for {
			select {
			case <-quit:
				conn.Close()
				done <- cause
				return
			case <-closing:
				closing = nil
				ended(errClosing)
			case err := <-p.faults:
				ended(err)
			case now := <-tick.C:
				if err := p.freeWorkers(); err != nil {
					ended(err)
				}
				idle.look(now)
			}
		}
	}()
	return func() error {
		close(quit)
		return <-done
	}
}

// errCallBlocks is why a session ended whose frontend had made telling it block.
var errCallBlocks = errors.New("the frontend holds up who tells it of packets: its eventfd is full, and blocks")

// freeWorkers takes workers out of calls that do not come back. It returns errCallBlocks if there were any, and why they
// are still there if they are.
func (p *Port) freeWorkers() error {
	var errs []error
	for _, r := range p.rings {
		if was, err := r.call.release(); was {
			errs = append(errs, errors.Join(errCallBlocks, err))
		}
	}
	return errors.Join(errs...)
}

// sleep waits for d or the end of ctx.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// Package daemon turns a checked configuration into a running switch and keeps it controllable: it
// starts the parts in order, carries out what the control socket asks for, applies changed
// configurations as differences, and ends everything without losing a frame.
//
// It is glue. What packets meet is package datapath, what a configuration means is package config, what
// is said over the socket is package api. [Run] is the whole program as a process, with its signals;
// [Start] is the same without touching anything that belongs to the process, so that tests run it.
//
// Thread-safety: all methods of Daemon are safe for concurrent use. Memory: the daemon owns the frame
// arena; the switch and everything below it has given back all frames before the arena goes.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/control/config"
	"github.com/culvertdev/culvert/control/metrics"
	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/tunnel"
	"github.com/culvertdev/culvert/encap/underlay"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/cpu"
	"github.com/culvertdev/culvert/ring/frame"
)

// ErrLeaked is returned by Close when frames did not come back to the arena.
var ErrLeaked = errors.New("frames were lost")

// frameCaches is how many frame caches there can be: one or two for each queue of each port, and some
// for each worker. A cache that could be costs the arena's bookkeeping 0.8 KiB.
const frameCaches = 4096

// Drivers are the types of port that a configuration can name.
type Drivers map[string]Driver

// A Driver is one type of port.
type Driver struct {
	New   func(*frame.Pool, *slog.Logger) pmd.Driver
	Check func(options map[string]string) error // says what is wrong with a port's options
}

// Types returns the port types there are, with the check of their options.
func (d Drivers) Types() config.PortTypes {
	types := make(config.PortTypes, len(d))
	for name, driver := range d {
		types[name] = driver.Check
	}
	return tunnelTypes(types)
}

// Options are what a daemon is started with.
type Options struct {
	Config  *config.Config
	File    string // where Config comes from, read again by Reload
	Socket  string // control socket in place of the configuration's, this one and later ones; "" for theirs
	Drivers Drivers
	CPUs    []int // one per worker; empty: workers are not pinned
	// Crowded: no CPU is left beside those of the workers.
	Crowded bool
	Log     *slog.Logger
	// Level, if not nil, follows log.level of the configuration.
	Level *slog.LevelVar
	Build api.Version
	Audit bool // of frames; for tests
}

// A Daemon is a running switch with its control socket and its metrics.
type Daemon struct {
	o         Options
	log       *slog.Logger
	pool      *frame.Pool
	sw        *datapath.Switch
	clock     *cpu.Clock      // of the rule tables
	stack     *underlay.Stack // what all bridges stand on
	moved     chan struct{}   // something in the underlay has changed
	followers followers
	tunnels   tunnels         // on the stack
	overlays  *overlays       // whom tunnels ask
	metrics   *metrics.Server // nil: none
	stop      context.CancelFunc
	serving   sync.WaitGroup

	mu      sync.Mutex         // one change of bridges, ports and rules at a time
	bridges map[string]*bridge // guarded by mu
	restart []string           // sections that wait for a restart; guarded by mu

	monitors monitors

	closing  sync.Once
	closeErr error
}

// Start starts a switch as the configuration says and answers on its control socket. Ports whose
// device does not open are no error: they are tried again. ctx bounds the start only.
func Start(ctx context.Context, o Options) (*Daemon, error) {
	d := &Daemon{o: o, log: o.Log, clock: cpu.NewClock(), bridges: make(map[string]*bridge), stop: func() {}, moved: make(chan struct{}, 1)}
	d.stack, d.followers.all = d.newStack(), make(map[string]*following)
	d.tunnels.Set = tunnel.NewSet(d.stack)
	d.tunnels.Watch(d.wakeUnderlay)
	d.overlays = newOverlays(d.tunnels.Set, d.clock.Now, d.tagsChanged, d.log)
	d.o.Drivers = d.o.Drivers.withTunnels(d.tunnels.Set)
	if o.Level != nil {
		o.Level.Set(o.Config.Log.Level)
	}
	// The socket comes first: a second daemon must stop here, before it touches a device.
	d.settleSocket(o.Config)
	c := o.Config.Control
	l, err := api.Listen(c.Socket, c.Mode, c.Group)
	if err != nil {
		return nil, err
	}
	if err := d.start(ctx); err != nil {
		return nil, errors.Join(err, l.Close(), d.Close())
	}
	d.serve(l)
	return d, nil
}

// settleSocket makes the control socket of a configuration the one the daemon was told to use.
func (d *Daemon) settleSocket(c *config.Config) {
	if d.o.Socket != "" {
		c.Control.Socket = d.o.Socket
	}
}

// start makes the arena, the switch, its bridges and ports, and the metrics.
func (d *Daemon) start(ctx context.Context) (err error) {
	c := d.o.Config
	d.pool, err = frame.NewPool(frame.Options{
		Buffers: c.Frames.Buffers, BufferSize: c.Frames.BufferSize, Huge: c.Frames.Huge,
		Caches: frameCaches, Audit: d.o.Audit,
	})
	if err != nil {
		return err
	}
	drivers := make(map[string]pmd.Driver, len(d.o.Drivers))
	for name, driver := range d.o.Drivers {
		drivers[name] = driver.New(d.pool, d.log)
	}
	d.sw, err = datapath.New(d.switchOptions(drivers))
	if err != nil {
		return fmt.Errorf("start switch: %w", err)
	}
	if _, err := d.apply(ctx, c); err != nil {
		return err
	}
	if c.Metrics.Listen == "" {
		return nil
	}
	b := d.o.Build
	collector := metrics.NewCollector(d.sw, d.overlays.counted, d.bonds, metrics.Build{Version: b.Version, Revision: b.Revision, Go: b.Go})
	d.metrics, err = metrics.Serve(c.Metrics.Listen, collector, d.log)
	return err
}

func (d *Daemon) switchOptions(drivers map[string]pmd.Driver) datapath.Options {
	o := switchOptions(d.o.Config)
	o.Pool, o.Drivers, o.Log, o.Workers.CPUs = d.pool, drivers, d.log, d.o.CPUs
	o.Server = slowPathServer(d.o.Config.SlowPath.Thread, d.o.Crowded)
	return o
}

// slowPathServer returns who serves the slow path. crowded says that no CPU is left beside the workers'.
func slowPathServer(t config.SlowThread, crowded bool) datapath.Server {
	switch {
	case t == config.SlowOwn:
		return datapath.ByThread
	case t == config.SlowWorker || crowded:
		return datapath.ByWorkers
	default:
		return datapath.ByWorkersAndThread
	}
}

// switchOptions returns the options of a switch that c speaks of.
func switchOptions(c *config.Config) datapath.Options {
	return datapath.Options{
		Workers: datapath.WorkersConfig{
			Count: c.Workers.Count, Latency: c.Workers.Latency, Rebalance: c.Workers.Rebalance,
		},
		Cache: datapath.CacheConfig{
			EMCEntries: c.Caches.EMCEntries, EMCInsert: c.Caches.EMCInsert,
			Flows: c.Caches.Flows, MasksPerPort: c.Caches.MasksPerPort,
		},
		SlowPath: datapath.SlowPath{
			QueueLength: c.SlowPath.QueueLength, NewFlows: c.SlowPath.NewFlows, Held: c.SlowPath.Held, SendRate: c.SlowPath.SendRate,
			MaxIdle: c.Caches.MaxIdle, Revalidate: c.SlowPath.Revalidate,
		},
		VLANLimit: c.VLANLimit,
	}
}

// serve answers on l, and lets rules and addresses age, until Close.
func (d *Daemon) serve(l *api.Listener) {
	ctx, stop := context.WithCancel(context.Background())
	d.stop = stop
	d.serving.Go(func() { d.expire(ctx) })
	d.serving.Go(func() { d.runBonds(ctx) })
	d.serving.Go(func() { d.tendUnderlay(ctx) })
	d.serving.Go(func() { d.tendGuests(ctx) })
	server := api.NewServer(d.mux(), d.log)
	d.serving.Go(func() {
		if err := server.Serve(ctx, l); err != nil {
			d.log.Error("control socket ended", "error", err)
		}
	})
}

// expire removes rules and addresses whose time has passed, once a second. The cached flows follow with
// the next walk of the revalidator.
func (d *Daemon) expire(ctx context.Context) {
	d.every(ctx, time.Second, func(bridges []*bridge) {
		for _, b := range bridges {
			b.expire(d.clock.Now())
		}
	})
}

// every calls do with the bridges there are, outside the lock, once a period until ctx is done.
func (d *Daemon) every(ctx context.Context, period time.Duration, do func([]*bridge)) {
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		d.mu.Lock()
		bridges := d.sortedBridges()
		d.mu.Unlock()
		do(bridges)
	}
}

// MetricsAddr returns the address that metrics are served at, "" for none.
func (d *Daemon) MetricsAddr() string {
	if d.metrics == nil {
		return ""
	}
	return d.metrics.Addr().String()
}

// Close ends the daemon: requests under way are finished, ports closed, and every frame must be back
// in the arena; ErrLeaked says that some are not. It is idempotent.
func (d *Daemon) Close() error {
	d.closing.Do(func() { d.closeErr = d.close() })
	return d.closeErr
}

func (d *Daemon) close() error {
	d.stop()
	d.monitors.close() // lest those who wait hold it up
	d.serving.Wait()
	d.endFollowers()
	d.overlays.close()
	if d.sw != nil {
		d.stack.Leave()
		d.sw.Sync() // and what it says is sent
	}
	var errs []error
	if d.metrics != nil {
		errs = append(errs, d.metrics.Close())
	}
	if d.sw != nil {
		errs = append(errs, d.sw.Close())
	}
	if d.pool != nil {
		if err := d.pool.Close(); err != nil {
			errs = append(errs, fmt.Errorf("%w: %w", ErrLeaked, err))
		}
	}
	return errors.Join(errs...)
}

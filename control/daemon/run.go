package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/control/config"
	"github.com/culvertdev/culvert/pmd/cpu"
)

// RunOptions are what [Run] is started with.
type RunOptions struct {
	File    string  // configuration file
	Socket  string  // control socket in place of the configuration's; "" for that one
	Drivers Drivers // of ports
	Build   api.Version
	LogTo   io.Writer
}

// Run is the daemon as a process: it sets the Go runtime and the process's CPUs up for workers, runs
// the switch until ctx ends or SIGTERM or SIGINT arrives, and reads the configuration again on SIGHUP.
// Errors of the configuration are [config.Errors]; ErrLeaked says that frames were lost.
func Run(ctx context.Context, o RunOptions) error {
	c, err := config.Load(o.File, o.Drivers.Types())
	if err != nil {
		return err
	}
	if path, err := filepath.Abs(o.File); err == nil {
		o.File = path // what `culvert show` and the log say is read by people in other directories
	}
	level := new(slog.LevelVar)
	level.Set(c.Log.Level)
	log := slog.New(slog.NewTextHandler(o.LogTo, &slog.HandlerOptions{Level: level}))
	log.Info("starting", "version", o.Build.Version, "pid", os.Getpid(), "config", o.File)

	// Signals are taken before anything is there that must not be left behind.
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)

	describeProcessor(c.Caches.EMCEntries, log)
	tuneRuntime(c.Workers.Count, log)
	cpus, crowded, err := placeWorkers(c.Workers, log)
	if err != nil {
		return err
	}
	d, err := Start(ctx, Options{
		Config: c, File: o.File, Socket: o.Socket, Drivers: o.Drivers, CPUs: cpus, Crowded: crowded, Log: log, Level: level, Build: o.Build,
	})
	switch {
	case err != nil && ctx.Err() != nil && !errors.Is(err, ErrLeaked):
		log.Info("stopped before everything was started")
		return nil
	case err != nil:
		return err
	}
	log.Info("running", "socket", c.Control.Socket, "metrics", d.MetricsAddr())
	notifyManager("READY=1", log)
	d.await(ctx, hangup)
	notifyManager("STOPPING=1", log)
	log.Info("stopping")
	if err := d.Close(); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	log.Info("stopped, every frame is back")
	return nil
}

// await reads the configuration again at each hangup, until ctx ends.
func (d *Daemon) await(ctx context.Context, hangup <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			d.Reload(ctx)
		}
	}
}

// Reload reads the configuration file again and applies it. When it has errors they are logged, and
// everything stays as it was.
func (d *Daemon) Reload(ctx context.Context) {
	c, err := config.Load(d.o.File, d.o.Drivers.Types())
	if err == nil {
		_, err = d.change(ctx, c)
	}
	var wrong config.Errors
	switch {
	case errors.As(err, &wrong):
		for _, one := range wrong {
			d.log.Error("configuration not applied", "error", one.Error())
		}
	case err != nil:
		d.log.Error("configuration not applied", "error", err)
	}
}

// placeWorkers chooses the workers' CPUs and keeps everything else off them. crowded says that there is no other.
func placeWorkers(w config.Workers, log *slog.Logger) (cpus []int, crowded bool, err error) {
	topology, err := cpu.Discover()
	if err != nil {
		return nil, false, fmt.Errorf("place workers: %w", err)
	}
	plan, err := cpu.Plan(w.Count, topology, cpu.SetOf(w.CPUs...))
	if err != nil {
		return nil, false, fmt.Errorf("place workers: %w", err)
	}
	for _, warning := range plan.Warnings {
		log.Warn("worker placement", "warning", warning)
	}
	log.Info("worker placement", "workers", fmt.Sprint(plan.Workers), "housekeeping", plan.Housekeeping.String())
	if err := cpu.Confine(plan.Housekeeping); err != nil {
		return nil, false, err
	}
	if err := cpu.ShortSlices(); err != nil {
		log.Warn("workers may stand still while others have the housekeeping CPUs", "error", err)
	}
	return plan.Workers, plan.Housekeeping.Without(cpu.SetOf(plan.Workers...)).Empty(), nil
}

package ovs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// schema is where Debian and Ubuntu have the database's.
const schema = "/usr/share/openvswitch/vswitch.ovsschema"

// startTime is how long a daemon may take until it answers, stopTime until it has ended.
const (
	startTime = 10 * time.Second
	stopTime  = 10 * time.Second
)

// Missing says what Open vSwitch lacks on this machine, nil if nothing.
func Missing() error {
	var errs []error
	for _, p := range []string{"ovsdb-tool", "ovsdb-server", "ovs-vswitchd", "ovs-vsctl", "ovs-ofctl"} {
		if _, err := exec.LookPath(p); err != nil {
			errs = append(errs, fmt.Errorf("%w (package openvswitch-switch)", err))
		}
	}
	if _, err := os.Stat(schema); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Options say how an instance runs.
type Options struct {
	// Dir is a directory of its own; it is made. Its path must leave room for a socket's name within
	// the 107 bytes that the path of a unix socket can have.
	Dir string
	// Daemon is the switch's program; empty: ovs-vswitchd.
	Daemon string
	// Dummy: all ports are dummy ones.
	Dummy bool
	// Tunnels, with Dummy: all but tunnel ports are, and those are the userspace datapath's.
	Tunnels bool
	// Config is other_config of the Open_vSwitch table, key=value.
	Config []string
	// Spawn starts a command, in another network namespace perhaps; nil: (*exec.Cmd).Start.
	Spawn func(*exec.Cmd) error
	// SpawnDaemon is Spawn for the database and the switch, which may have another priority than the commands that talk to them, as with Debian's
	// ovs-ctl(8); nil: Spawn.
	SpawnDaemon func(*exec.Cmd) error
}

// An Instance is a running Open vSwitch. Stop ends it.
//
// Thread-safety: one goroutine at a time.
type Instance struct {
	o       Options
	daemons []*exec.Cmd // in the order they were started
	control *control    // to the switch, made when first used
	read    map[string]int64
}

// Start starts the database and the switch. The context bounds the start only.
func Start(ctx context.Context, o Options) (*Instance, error) {
	if o.Daemon == "" {
		o.Daemon = "ovs-vswitchd"
	}
	if o.Spawn == nil {
		o.Spawn = (*exec.Cmd).Start
	}
	if o.SpawnDaemon == nil {
		o.SpawnDaemon = o.Spawn
	}
	i := &Instance{o: o, read: make(map[string]int64)}
	if err := i.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start Open vSwitch: %w", err), i.Stop(), i.lastWords())
	}
	return i, nil
}

func (i *Instance) start(ctx context.Context) error {
	if err := os.MkdirAll(i.o.Dir, 0o700); err != nil {
		return err
	}
	db := i.path("conf.db")
	if _, err := i.Run(ctx, "ovsdb-tool", "create", db, schema); err != nil {
		return err
	}
	if err := i.spawn("ovsdb-server", db, "--remote=punix:"+i.path("db.sock"), "--unixctl="+i.path("db.ctl")); err != nil {
		return err
	}
	if err := i.await(ctx, "db.sock"); err != nil {
		return err
	}
	args := []string{"--no-wait", "init"}
	for _, c := range i.o.Config {
		args = append(args, "--", "set", "Open_vSwitch", ".", "other_config:"+c)
	}
	if _, err := i.Vsctl(ctx, args...); err != nil {
		return err
	}
	return i.startSwitch(ctx)
}

// startSwitch starts the switch itself, beside its database.
func (i *Instance) startSwitch(ctx context.Context) error {
	args := []string{"unix:" + i.path("db.sock"), "--unixctl=" + i.path("switch.ctl")}
	switch {
	case i.o.Dummy && i.o.Tunnels:
		args = append(args, "--enable-dummy", "--disable-system")
	case i.o.Dummy:
		args = append(args, "--enable-dummy=override", "--disable-system")
	}
	if err := i.spawn(i.o.Daemon, args...); err != nil {
		return err
	}
	return i.await(ctx, "switch.ctl")
}

func (i *Instance) path(name string) string { return filepath.Join(i.o.Dir, name) }

// await waits until somebody listens at a socket.
func (i *Instance) await(ctx context.Context, name string) error {
	for end := time.Now().Add(startTime); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("unix", i.path(name))
		if err == nil {
			return conn.Close()
		}
		if ctx.Err() != nil || time.Now().After(end) {
			return errors.Join(err, ctx.Err())
		}
	}
}

// PID returns the switch's process.
func (i *Instance) PID() int { return i.daemons[len(i.daemons)-1].Process.Pid }

// Version returns the switch's version as it says it.
func (i *Instance) Version(ctx context.Context) (string, error) {
	out, err := i.Run(ctx, i.o.Daemon, "--version")
	line, _, _ := strings.Cut(out, "\n")
	_, version, _ := strings.Cut(line, "(Open vSwitch) ")
	return version, err
}

// Vsctl runs ovs-vsctl.
func (i *Instance) Vsctl(ctx context.Context, args ...string) (string, error) {
	return i.Run(ctx, "ovs-vsctl", append([]string{"--timeout=30", "--db=unix:" + i.path("db.sock")}, args...)...)
}

// Ofctl runs ovs-ofctl with a version of OpenFlow, such as OpenFlow15, which the bridge must speak.
func (i *Instance) Ofctl(ctx context.Context, version string, args ...string) (string, error) {
	return i.Run(ctx, "ovs-ofctl", append([]string{"-O", version}, args...)...)
}

// Run runs a program of Open vSwitch to its end and returns what it printed.
func (i *Instance) Run(ctx context.Context, name string, args ...string) (string, error) {
	cmd := i.command(name, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := i.o.Spawn(cmd); err != nil {
		return "", err
	}
	stop := context.AfterFunc(ctx, func() { cmd.Process.Kill() })
	defer stop()
	if err := cmd.Wait(); err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(errs.Bytes()))
	}
	return out.String(), nil
}

// command returns a command that keeps its files in the directory.
func (i *Instance) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env = os.Environ()
	for _, v := range []string{"OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR", "OVS_SYSCONFDIR"} {
		cmd.Env = append(cmd.Env, v+"="+i.o.Dir)
	}
	return cmd
}

// spawn starts a daemon in the foreground: Stop waits for it.
func (i *Instance) spawn(name string, args ...string) error {
	log, err := os.Create(i.path(filepath.Base(name) + ".log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := i.command(name, args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := i.o.SpawnDaemon(cmd); err != nil {
		return err
	}
	i.daemons = append(i.daemons, cmd)
	return nil
}

// lastWords returns the end of what the switch has written, for errors.
func (i *Instance) lastWords() error {
	text, err := os.ReadFile(i.path(filepath.Base(i.o.Daemon) + ".log"))
	if err != nil || len(text) == 0 {
		return nil
	}
	return fmt.Errorf("the end of its log:\n%s", text[max(0, len(text)-2000):])
}

// Stop ends the daemons, the last one first. It is idempotent; the directory stays.
func (i *Instance) Stop() error {
	errs := []error{i.hangUp()}
	for len(i.daemons) > 0 {
		errs = append(errs, i.stopLast(syscall.SIGTERM))
	}
	return errors.Join(errs...)
}

// Restart stops the switch and starts it again beside the same database: it has its bridges and ports then, and no rules.
func (i *Instance) Restart(ctx context.Context) error { return i.again(ctx, syscall.SIGTERM) }

// Reset is Restart of a switch that is killed.
func (i *Instance) Reset(ctx context.Context) error { return i.again(ctx, syscall.SIGKILL) }

func (i *Instance) again(ctx context.Context, end syscall.Signal) error {
	if err := errors.Join(i.hangUp(), i.stopLast(end)); err != nil {
		return err
	}
	if err := i.startSwitch(ctx); err != nil {
		return err
	}
	// It answers before it has made its bridges. ovs-vsctl waits until the switch has taken over a change.
	_, err := i.Vsctl(ctx, "set", "Open_vSwitch", ".", fmt.Sprintf("external_ids:started=%d", i.PID()))
	return err
}

// hangUp closes the connection to the switch, if there is one.
func (i *Instance) hangUp() (err error) {
	if i.control != nil {
		err = i.control.close()
		i.control = nil
	}
	return err
}

// stopLast ends the daemon that was started last, by a signal.
func (i *Instance) stopLast(by syscall.Signal) error {
	last := len(i.daemons) - 1
	cmd := i.daemons[last]
	i.daemons = i.daemons[:last]
	cmd.Process.Signal(by)
	late := time.AfterFunc(stopTime, func() { cmd.Process.Kill() })
	err := cmd.Wait()
	late.Stop()
	// A signal is how it was told to end.
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == by) {
		return fmt.Errorf("%s: %w", filepath.Base(cmd.Path), err)
	}
	return nil
}

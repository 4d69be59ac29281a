package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/culvertdev/culvert/bench/lab"
)

// ovs is Open vSwitch with a database and a directory of its own.
type ovs struct{}

func (*ovs) name() string { return "ovs" }

// ovsSchema is where Debian and Ubuntu have it.
const ovsSchema = "/usr/share/openvswitch/vswitch.ovsschema"

func (*ovs) missing() error {
	var errs []error
	for _, p := range []string{"ovsdb-tool", "ovsdb-server", "ovs-vswitchd", "ovs-vsctl"} {
		if _, err := exec.LookPath(p); err != nil {
			errs = append(errs, fmt.Errorf("%w: %w (package openvswitch-switch)", errCannot, err))
		}
	}
	if _, err := os.Stat(ovsSchema); err != nil {
		errs = append(errs, fmt.Errorf("%w: %w", errCannot, err))
	}
	return errors.Join(errs...)
}

type runningOVS struct {
	lab     *lab.Lab
	dir     string
	daemons []*exec.Cmd // in the order they were started
	ports   string      // what OVS says of its first port
	build   string
}

func (*ovs) start(ctx context.Context, l *lab.Lab, dir string) (running, error) {
	r := &runningOVS{lab: l, dir: dir}
	if err := r.start(ctx); err != nil {
		return nil, errors.Join(err, r.stop())
	}
	return r, nil
}

func (r *runningOVS) start(ctx context.Context) error {
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return err
	}
	db, sock := filepath.Join(r.dir, "conf.db"), filepath.Join(r.dir, "db.sock")
	if _, err := r.run(ctx, "ovsdb-tool", "create", db, ovsSchema); err != nil {
		return err
	}
	if err := r.spawn("ovsdb-server", db, "--remote=punix:"+sock, "--unixctl="+filepath.Join(r.dir, "db.ctl")); err != nil {
		return err
	}
	if err := waitFile(ctx, sock); err != nil {
		return err
	}
	if _, err := r.vsctl(ctx, "--no-wait", "init", "--", "set", "Open_vSwitch", ".",
		fmt.Sprintf("other_config:pmd-cpu-mask=%#x", 1<<switchCPU)); err != nil {
		return err
	}
	if err := r.spawn("ovs-vswitchd", "unix:"+sock, "--unixctl="+filepath.Join(r.dir, "switch.ctl")); err != nil {
		return err
	}
	args := []string{"--timeout=30", "add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev"}
	for _, h := range r.lab.Hosts {
		args = append(args, "--", "add-port", "br0", h.Port, "--", "set", "Interface", h.Port, "type=afxdp")
	}
	if _, err := r.vsctl(ctx, args...); err != nil {
		return err
	}
	return r.look(ctx)
}

// look makes sure that the ports are open and asks how.
func (r *runningOVS) look(ctx context.Context) error {
	for _, h := range r.lab.Hosts {
		out, err := r.vsctl(ctx, "get", "Interface", h.Port, "error", "status")
		if err != nil {
			return err
		}
		problem, status, _ := strings.Cut(strings.TrimSpace(out), "\n")
		if problem != "[]" {
			return fmt.Errorf("port %s: %s", h.Port, problem)
		}
		if r.ports == "" {
			r.ports = status
		}
	}
	out, err := r.run(ctx, "ovs-vswitchd", "--version")
	r.build, _, _ = strings.Cut(strings.TrimPrefix(out, "ovs-vswitchd (Open vSwitch) "), "\n")
	return err
}

func (r *runningOVS) vsctl(ctx context.Context, args ...string) (string, error) {
	return r.run(ctx, "ovs-vsctl", append([]string{"--db=unix:" + filepath.Join(r.dir, "db.sock")}, args...)...)
}

// command returns a command of OVS that keeps its files in the directory.
func (r *runningOVS) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env = os.Environ()
	for _, v := range []string{"OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR", "OVS_SYSCONFDIR"} {
		cmd.Env = append(cmd.Env, v+"="+r.dir)
	}
	return cmd
}

// run runs a command to its end and returns what it printed.
func (r *runningOVS) run(ctx context.Context, name string, args ...string) (string, error) {
	cmd := r.command(name, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := r.lab.Switch.Start(cmd); err != nil {
		return "", err
	}
	stop := context.AfterFunc(ctx, func() { cmd.Process.Kill() })
	defer stop()
	if err := cmd.Wait(); err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(errs.Bytes()))
	}
	return out.String(), nil
}

// spawn starts a daemon in the foreground, so that it dies with this process.
func (r *runningOVS) spawn(name string, args ...string) error {
	log, err := os.Create(filepath.Join(r.dir, name+".log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := r.command(name, args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := r.lab.Switch.Start(cmd); err != nil {
		return err
	}
	r.daemons = append(r.daemons, cmd)
	return nil
}

func waitFile(ctx context.Context, path string) error {
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		_, err := os.Stat(path)
		if err == nil || ctx.Err() != nil || time.Now().After(end) {
			return errors.Join(err, ctx.Err())
		}
	}
}

func (r *runningOVS) pid() int           { return r.daemons[len(r.daemons)-1].Process.Pid }
func (r *runningOVS) version() string    { return r.build }
func (r *runningOVS) mode() string       { return r.ports }
func (r *runningOVS) hostOffloads() bool { return false }

// stop ends the daemons, the last one first.
func (r *runningOVS) stop() error {
	var errs []error
	for len(r.daemons) > 0 {
		last := len(r.daemons) - 1
		cmd := r.daemons[last]
		r.daemons = r.daemons[:last]
		cmd.Process.Signal(syscall.SIGTERM)
		late := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
		err := cmd.Wait()
		late.Stop()
		// SIGTERM is how it was told to end.
		var exit *exec.ExitError
		if err != nil && !(errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGTERM) {
			errs = append(errs, fmt.Errorf("%s: %w", filepath.Base(cmd.Path), err))
		}
	}
	return errors.Join(errs...)
}

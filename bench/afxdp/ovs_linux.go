package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/culvertdev/culvert/bench/contest"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/ovs"
)

// openVSwitch is Open vSwitch with AF_XDP ports.
type openVSwitch struct{ vxlan bool }

func (*openVSwitch) name() string { return "ovs" }

func (*openVSwitch) missing() error {
	if err := ovs.Missing(); err != nil {
		return fmt.Errorf("%w: %w", contest.ErrCannot, err)
	}
	return nil
}

type runningOVS struct {
	*ovs.Instance
	ports string // what OVS says of its first port
	build string
}

func (v *openVSwitch) start(ctx context.Context, l *lab.Lab, dir string) (running, error) {
	i, err := ovs.Start(ctx, ovs.Options{Dir: dir, Config: []string{fmt.Sprintf("pmd-cpu-mask=%#x", 1<<contest.SwitchCPU)}, Spawn: l.Switch.Start})
	if err != nil {
		return nil, err
	}
	r := &runningOVS{Instance: i}
	if err := r.addPorts(ctx, l, v.vxlan); err != nil {
		return nil, errors.Join(err, r.stop())
	}
	return r, nil
}

// addPorts makes the bridge and sees to it that its ports are open.
func (r *runningOVS) addPorts(ctx context.Context, l *lab.Lab, vxlan bool) error {
	args := []string{"add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev"}
	bridges := [2]string{"br0", "br0"} // of the hosts
	if vxlan {
		bridges[1] = under
		args = append(args, "--", "add-br", under, "--", "set", "bridge", under, "datapath_type=netdev",
			"--", "add-port", "br0", "tunnel", "--", "set", "Interface", "tunnel", "type=vxlan", "options:remote_ip="+farEnd, fmt.Sprint("options:key=", tunnelKey))
	}
	for i, h := range l.Hosts {
		args = append(args, "--", "add-port", bridges[i], h.Port, "--", "set", "Interface", h.Port, "type=afxdp")
	}
	if _, err := r.Vsctl(ctx, args...); err != nil {
		return err
	}
	for _, h := range l.Hosts {
		out, err := r.Vsctl(ctx, "get", "Interface", h.Port, "error", "status")
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
	if vxlan {
		for _, args := range [][]string{{"address", "replace", nearEnd + "/24", "dev", under}, {"link", "set", under, "up"}} {
			if _, err := r.Run(ctx, "ip", args...); err != nil {
				return err
			}
		}
	}
	var err error
	r.build, err = r.Version(ctx)
	return err
}

func (r *runningOVS) pid() int           { return r.PID() }
func (r *runningOVS) version() string    { return r.build }
func (r *runningOVS) mode() string       { return r.ports }
func (r *runningOVS) hostOffloads() bool { return false }
func (r *runningOVS) stop() error        { return r.Stop() }

package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/culvertdev/culvert/bench/daemon"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/story"
)

const picture = `
    client        nat             lb         s1  s2  s3     a client, three servers:
  10.77.0.1    in    out       in    out      |   |   |     namespaces on AF_XDP ports;
       |        |     |         |     |       |   |   |     two programs on vhost-user
  +----1--------5-----6---------7-----8-------2---3---4--+  ports, which say that the
  |                       culvert                        |  client is 10.77.0.101 and
  +------------------------------------------------------+  the servers 10.77.0.80`

// Addresses that only the two functions know.
const (
	outer  = "10.77.0.101"
	vip    = "10.77.0.80"
	vipMAC = "02:77:00:00:00:80"
)

// rules are the chain. From the servers' side of the balancer packets go to the server they are for, and ARP to all.
const rules = `
      - in_port=1 actions=5
      - in_port=5 actions=1
      - in_port=6 actions=7
      - in_port=7 actions=6
      - in_port=8,dl_dst=02:77:00:00:00:02 actions=2
      - in_port=8,dl_dst=02:77:00:00:00:03 actions=3
      - in_port=8,dl_dst=02:77:00:00:00:04 actions=4
      - in_port=8,dl_dst=ff:ff:ff:ff:ff:ff actions=2,3,4
      - in_port=2 actions=8
      - in_port=3 actions=8
      - in_port=4 actions=8
`

// A network is a client and three servers, with Culvert, a NAT and a load balancer between them.
type network struct {
	bin      binaries
	lab      *lab.Lab
	scratch  *lab.Scratch
	daemon   *daemon.Daemon
	services []*service
	done     chan received // what came to bulkPort of any server
	nat, lb  *exec.Cmd
}

func (n *network) client() *lab.Host { return n.lab.Hosts[0] }

func (n *network) servers() []*lab.Host { return n.lab.Hosts[1:] }

// socket returns the path of the socket of a vhost-user port.
func (n *network) socket(port string) string { return filepath.Join(n.scratch.Path, port+".sock") }

func (n *network) build(ctx context.Context, s *story.Story) (err error) {
	fmt.Fprintln(s.Out, picture)
	s.Begin("Start")
	if n.scratch, _, err = lab.NewScratch("culvert-chain-"); err != nil {
		return err
	}
	if n.lab, err = lab.New(); err != nil {
		return err
	}
	for _, name := range []string{"client", "s1", "s2", "s3"} {
		h, err := n.lab.AddHost(name, name, lab.Link{})
		if err != nil {
			return err
		}
		if name == "client" {
			continue
		}
		sv, err := serve(h, n.done)
		if err != nil {
			return err
		}
		n.services = append(n.services, sv)
	}
	n.daemon, err = daemon.Start(ctx, daemon.Options{
		Namespace: n.lab.Switch, Binary: n.bin.culvert, Dir: filepath.Join(n.scratch.Path, "switch"), Config: n.configuration(),
	})
	if err != nil {
		return err
	}
	s.Show("cat "+n.daemon.ConfigPath, n.daemon.Config())
	s.Show("culvert run --config "+n.daemon.ConfigPath+" &", "")
	if err := n.startFunctions(s); err != nil {
		return err
	}
	if _, err := n.daemon.WaitOpen(ctx); err != nil {
		return err
	}
	s.Check(true, "every port has a link")
	return nil
}

// configuration returns that of the daemon.
func (n *network) configuration() string {
	var b strings.Builder
	b.WriteString("bridges:\n  - name: br0\n    ports:\n")
	number := 0
	port := func(name, rest string) {
		number++
		fmt.Fprintf(&b, "      - {name: %s, number: %d, type: %s}\n", name, number, rest)
	}
	for _, h := range n.lab.Hosts {
		port(h.Name(), "afxdp")
	}
	for _, name := range []string{"nat-in", "nat-out", "lb-in", "lb-out"} {
		port(name, "vhost-user, options: {path: "+n.socket(name)+"}")
	}
	b.WriteString("    flows:" + rules)
	return b.String()
}

// startFunctions starts the NAT and the load balancer.
func (n *network) startFunctions(s *story.Story) (err error) {
	if n.nat, err = n.start(s, n.bin.nat, "-inside", n.socket("nat-in"), "-outside", n.socket("nat-out"),
		n.client().IPv4.Addr().String()+"="+outer); err != nil {
		return err
	}
	args := []string{"-clients", n.socket("lb-in"), "-servers", n.socket("lb-out"), "-vip", vip + "," + vipMAC}
	for _, h := range n.servers() {
		args = append(args, h.IPv4.Addr().String()+","+h.MAC.String())
	}
	n.lb, err = n.start(s, n.bin.lb, args...)
	return err
}

// start starts a program, which ends with this one.
func (n *network) start(s *story.Story, path string, args ...string) (*exec.Cmd, error) {
	cmd := exec.Command(path, args...)
	if err := n.lab.Switch.Start(cmd); err != nil {
		return nil, err
	}
	s.Show(filepath.Base(path)+" "+strings.Join(args, " ")+" &", "")
	return cmd, nil
}

// stop ends a program by a signal and reports whether it ended as one does that was asked to.
func stop(cmd *exec.Cmd, by syscall.Signal) bool {
	if cmd == nil {
		return true
	}
	if err := cmd.Process.Signal(by); err != nil {
		return false
	}
	late := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
	defer late.Stop()
	return cmd.Wait() == nil
}

func (n *network) close(s *story.Story) (err error) {
	s.Begin("End")
	s.Check(stop(n.nat, syscall.SIGTERM) && stop(n.lb, syscall.SIGTERM), "both functions ended on SIGTERM")
	if n.daemon != nil {
		stopped := n.daemon.Stop()
		s.Check(stopped == nil, "the daemon ended on SIGTERM, every frame back in its arena")
		err = stopped
	}
	for _, sv := range n.services {
		sv.close()
	}
	if n.lab != nil {
		err = errors.Join(err, n.lab.Close())
	}
	if n.scratch != nil {
		err = errors.Join(err, n.scratch.Close())
	}
	return err
}

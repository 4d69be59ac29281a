package demo

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/story"
)

// plugin is the look-up plug-in's program, which `make` builds beside culvert.
const plugin = "culvert-vtep-etcd"

// missingDirectory returns what the second part needs beside what lab.Missing names.
func missingDirectory(o Options) (lacks []lab.Lack) {
	if _, err := exec.LookPath("etcd"); err != nil {
		lacks = append(lacks, lab.Lack{What: "etcd", Why: "it is not in PATH (package etcd-server)"})
	}
	if _, err := exec.LookPath(o.plugin()); err != nil {
		lacks = append(lacks, lab.Lack{What: plugin, Why: "it is not beside culvert (make build)"})
	}
	return lacks
}

func (o Options) plugin() string { return filepath.Join(filepath.Dir(o.Binary), plugin) }

// Ports of etcd, in a namespace of its own.
const (
	clientPort = 2379
	peerPort   = 2380
)

// managed returns the addresses of a link between the directory and host i: the directory's end and the host's.
func managed(i int) (directory, host netip.Prefix) {
	at := func(n byte) netip.Prefix {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 79, byte(i + 1), n}), 24)
	}
	return at(1), at(2)
}

// endpoint is where host i reaches etcd.
func endpoint(i int) string {
	directory, _ := managed(i)
	return netip.AddrPortFrom(directory.Addr(), clientPort).String()
}

// startEtcd starts etcd, with a link to each host that is the kernels' business, and waits until it answers there.
func (n *overlayNet) startEtcd(ctx context.Context, s *story.Story) (err error) {
	listen := "http://127.0.0.1:" + fmt.Sprint(clientPort)
	for i, h := range n.hosts {
		directory, host := managed(i)
		if err := n.directory.Join(h.name, h.Namespace, managementLink, lab.Link{}); err != nil {
			return err
		}
		if err := n.directory.AddAddress(h.name, directory); err != nil {
			return err
		}
		if err := h.AddAddress(managementLink, host); err != nil {
			return err
		}
		if err := h.SetLink(managementLink, true); err != nil {
			return err
		}
		listen += ",http://" + endpoint(i)
	}
	peers := "http://127.0.0.1:" + fmt.Sprint(peerPort)
	args := []string{
		"--name", "one", "--data-dir", filepath.Join(n.scratch.Path, "etcd"),
		"--listen-client-urls", listen, "--advertise-client-urls", "http://" + endpoint(0),
		"--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers, "--initial-cluster", "one=" + peers,
	}
	start := time.Now()
	s.Show("etcd --listen-client-urls "+listen+" ... &", "")
	if n.etcd, err = startChild(n.directory, n.scratch.Path, "etcd", "etcd", args...); err != nil {
		return err
	}
	for i, h := range n.hosts {
		if err := n.answers(ctx, h.Namespace, endpoint(i)); err != nil {
			return err
		}
	}
	s.Check(true, "etcd takes connections from both hosts after %d ms", time.Since(start).Milliseconds())
	return nil
}

// answers waits until etcd takes connections from a namespace.
func (n *overlayNet) answers(ctx context.Context, from *lab.Namespace, addr string) error {
	for {
		err := from.Do(func() error {
			c, err := net.DialTimeout("tcp", addr, patience)
			if err == nil {
				err = c.Close()
			}
			return err
		})
		if err == nil {
			return nil
		}
		if dead := n.etcd.alive(); dead != nil {
			return dead
		}
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			return fmt.Errorf("wait for etcd: %w", err)
		}
	}
}

// startPlugin starts a host's look-up plug-in.
func (h *host) startPlugin(s *story.Story, o Options) (err error) {
	args := []string{"--socket", h.socket(), "--endpoints", endpoint(h.index)}
	s.Show(commandLine(plugin, args)+" &   # on "+h.name, "")
	h.plugin, err = startChild(h.Namespace, h.dir, plugin, o.plugin(), args...)
	return err
}

package demo

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/culvertdev/culvert/bench/daemon"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/story"
)

const overlayPicture = `
    alice       bob                 carol       dave     four containers: namespaces
  10.78.0.1  10.78.0.2            10.78.0.3  10.78.0.4   on AF_XDP ports
      |          |                    |          |
  +---+----------+---+            +---+----------+---+
  |     culvert      |            |     culvert      |   two hosts, each with a daemon
  |  192.0.2.1  wan--+============+--wan  192.0.2.2  |   and a VXLAN tunnel port
  +---------+--------+            +--------+---------+
      culvert-vtep-etcd             culvert-vtep-etcd    two plug-ins, who share in etcd
            +-------------etcd-------------+             which container is on which host`

// Names on a host: bridges, ports and links.
const (
	guests         = "guests" // the bridge with the containers
	tunnelPort     = "overlay"
	wanPort        = "wan"
	profile        = "shared"
	managementLink = "mgmt"
	vni            = 77 // the overlay's VXLAN network
)

// containerMTU leaves room for VXLAN over IPv4: Ethernet, IPv4, UDP and VXLAN.
const containerMTU = 1500 - 14 - 20 - 8 - 8

// An overlayNet is two hosts with a daemon each and two containers each, and etcd in a namespace of its own.
type overlayNet struct {
	scratch    *lab.Scratch
	directory  *lab.Namespace
	etcd       *child
	hosts      []*host
	containers []*container
}

// A host runs Culvert, and a look-up plug-in for it.
type host struct {
	*lab.Namespace
	name   string
	index  int
	dir    string
	daemon *daemon.Daemon
	plugin *child
}

func (h *host) socket() string { return filepath.Join(h.dir, "vtep-etcd.sock") }

// underlay is the host's address in the network between the hosts.
func (h *host) underlay() netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(h.index + 1)}), 24)
}

// A container is a namespace with one link, whose other end is on a host.
type container struct {
	*lab.Namespace
	addr netip.Prefix
	mac  net.HardwareAddr
	on   *host
}

func (n *overlayNet) build(ctx context.Context, s *story.Story, o Options) (err error) {
	fmt.Fprintln(s.Out, overlayPicture)
	s.Begin("Two hosts with an overlay between them")
	if n.scratch, err = makeScratch(s); err != nil {
		return err
	}
	if err := n.namespaces(); err != nil {
		return err
	}
	if err := n.startEtcd(ctx, s); err != nil {
		return err
	}
	for _, h := range n.hosts {
		if err := h.startPlugin(s, o); err != nil {
			return err
		}
	}
	for _, h := range n.hosts {
		if err := n.startDaemon(ctx, s, h, o); err != nil {
			return err
		}
	}
	start := time.Now()
	if err := n.meet(ctx); err != nil {
		return err
	}
	s.Check(true, "%d ms later each container reaches each other one", time.Since(start).Milliseconds())
	return nil
}

// namespaces makes hosts, containers and what connects them.
func (n *overlayNet) namespaces() (err error) {
	if n.directory, err = lab.NewNamespace("directory"); err != nil {
		return err
	}
	for i, name := range []string{"host1", "host2"} {
		ns, err := lab.NewNamespace(name)
		if err != nil {
			return err
		}
		h := &host{Namespace: ns, name: name, index: i, dir: filepath.Join(n.scratch.Path, name)}
		n.hosts = append(n.hosts, h)
		if err := os.Mkdir(h.dir, 0o700); err != nil {
			return err
		}
	}
	for i, name := range []string{"alice", "bob", "carol", "dave"} {
		if err := n.container(i, name, n.hosts[i/2]); err != nil {
			return err
		}
	}
	if err := n.hosts[0].Join(wanPort, n.hosts[1].Namespace, wanPort, lab.Link{}); err != nil {
		return err
	}
	return n.hosts[1].SetLink(wanPort, true)
}

// container makes one on a host. The port that it is on has its name.
func (n *overlayNet) container(i int, name string, on *host) error {
	ns, err := lab.NewNamespace(name)
	if err != nil {
		return err
	}
	c := &container{
		Namespace: ns, on: on, mac: net.HardwareAddr{2, 0x78, 0, 0, 0, byte(i + 1)},
		addr: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 78, 0, byte(i + 1)}), 24),
	}
	n.containers = append(n.containers, c)
	if err := on.Join(name, ns, lab.HostLink, lab.Link{MTU: containerMTU}); err != nil {
		return err
	}
	if err := c.SetMAC(lab.HostLink, c.mac); err != nil {
		return err
	}
	return c.AddAddress(lab.HostLink, c.addr)
}

// configuration returns that of a host's daemon.
func (n *overlayNet) configuration(h *host) string {
	var b strings.Builder
	fmt.Fprintf(&b, "profiles:\n  - {name: %s, lookup: {kind: socket, options: {path: %s}}}\n", profile, h.socket())
	fmt.Fprintf(&b, "bridges:\n  - name: %s\n    ports:\n", guests)
	for _, c := range n.containers {
		if c.on == h {
			fmt.Fprintf(&b, "      - {name: %s, type: afxdp}\n", c.Name())
		}
	}
	fmt.Fprintf(&b, "      - {name: %s, type: vxlan, options: {remote_ip: lookup, profile: %s, key: %d}}\n", tunnelPort, profile, vni)
	fmt.Fprintf(&b, "  - name: physical\n    ports:\n      - {name: %s, type: afxdp, underlay: {address: %s}}\n", wanPort, h.underlay())
	return b.String()
}

func (n *overlayNet) startDaemon(ctx context.Context, s *story.Story, h *host, o Options) (err error) {
	h.daemon, err = daemon.Start(ctx, daemon.Options{
		Namespace: h.Namespace, Binary: o.Binary, Dir: filepath.Join(h.dir, "switch"), Config: n.configuration(h),
	})
	if err != nil {
		return err
	}
	if h.index == 0 {
		s.Show("cat "+h.daemon.ConfigPath, h.daemon.Config())
	}
	s.Show("culvert run --config "+h.daemon.ConfigPath+" &   # on "+h.name, "")
	if _, err := h.daemon.WaitOpenDown(ctx); err != nil {
		return err
	}
	for _, c := range n.containers {
		if c.on != h {
			continue
		}
		if err := c.SetLink(lab.HostLink, true); err != nil {
			return err
		}
	}
	return nil
}

package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/culvertdev/culvert/bench/daemon"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/traffic"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const (
	scratchPrefix  = "culvert-soak-"
	metricsAddress = "127.0.0.1:9177" // in the switch's namespace
	localIPv4      = "10.77.0.250"    // of the switch's own host, behind tap0
	localIPv6      = "fd77::fa"
	localMAC       = "02:77:00:00:00:fa"
	labMACs        = "02:77:" // what addresses of stations begin with
)

// A station is somebody who answers pings.
type station struct {
	name string
	*lab.Namespace
	v4, v6 netip.Addr
	host   *lab.Host // nil for the switch's own host
}

// A network is the laboratory with the daemon in it.
type network struct {
	lab      *lab.Lab
	scratch  *lab.Scratch
	daemon   *daemon.Daemon
	stations []station
	capture  string
}

// build makes everything and returns when all ports are open. After an error close must be called, too.
func (n *network) build(ctx context.Context, binary string) (err error) {
	if n.scratch, _, err = lab.NewScratch(scratchPrefix); err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	n.capture = filepath.Join(n.scratch.Path, "in.pcap")
	if err := writeCapture(n.capture); err != nil {
		return err
	}
	if n.lab, err = lab.New(); err != nil {
		return err
	}
	for i, name := range []string{"a", "b", "c", "d", "e"} {
		link := lab.Link{}
		if i < 2 {
			link.Queues = maxQueues
		}
		h, err := n.lab.AddHost(name, fmt.Sprintf("p%d", i+1), link)
		if err != nil {
			return err
		}
		n.stations = append(n.stations, station{name: name, Namespace: h.Namespace, v4: h.IPv4.Addr(), v6: h.IPv6.Addr(), host: h})
	}
	n.stations = append(n.stations, station{name: "local", Namespace: n.lab.Switch,
		v4: netip.MustParseAddr(localIPv4), v6: netip.MustParseAddr(localIPv6)})
	n.daemon, err = daemon.Start(ctx, daemon.Options{
		Namespace: n.lab.Switch, Binary: binary, Dir: filepath.Join(n.scratch.Path, "switch"),
		Config: configuration(plain, n.capture),
	})
	if err != nil {
		return err
	}
	return n.waitOpen(ctx)
}

func (n *network) waitOpen(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, recovery)
	defer cancel()
	_, err := n.daemon.WaitOpen(ctx)
	return err
}

// address gives a host the addresses it does not have: a link that was down has lost those of IPv6.
func (n *network) address(i int) error {
	h := n.lab.Hosts[i]
	return h.Do(func() error {
		l, err := netlink.LinkByName(lab.HostLink)
		if err != nil {
			return err
		}
		for _, p := range []netip.Prefix{h.IPv4, h.IPv6} {
			a := &netlink.Addr{IPNet: &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}}
			if p.Addr().Is6() {
				a.Flags = unix.IFA_F_NODAD // nobody else has it
			}
			if err := netlink.AddrReplace(l, a); err != nil {
				return fmt.Errorf("give %s the address %s: %w", lab.HostLink, p, err)
			}
		}
		return nil
	})
}

// reconnect removes a host's link and makes it again.
func (n *network) reconnect(i int) error {
	h := n.lab.Hosts[i]
	if err := n.lab.Switch.DelLink(h.Port); err != nil {
		return err
	}
	return h.Connect()
}

// hears reports whether one ping from a station to an address comes back. Whatever goes wrong with it,
// such as a link that is not there, is silence.
func (n *network) hears(ctx context.Context, from station, to netip.Addr) bool {
	e, err := traffic.Ping{Count: 1, Timeout: pingTimeout}.Run(ctx, from.Namespace, to)
	return err == nil && e.Received == 1
}

// metrics returns what a scraper gets.
func (n *network) metrics(ctx context.Context) (string, error) {
	dial := func(context.Context, string, string) (c net.Conn, err error) {
		err = n.lab.Switch.Do(func() (err error) {
			c, err = net.DialTimeout("tcp", metricsAddress, apiTimeout)
			return err
		})
		return c, err
	}
	client := http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}, Timeout: apiTimeout}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+metricsAddress+"/metrics", nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}
	return string(text), err
}

// close takes everything down and returns what is wrong with how it ended.
func (n *network) close(keepLog string) error {
	var errs []error
	if n.daemon != nil {
		if err := n.daemon.Stop(); err != nil {
			errs = append(errs, fmt.Errorf("the daemon did not end well: %w", err))
		}
		if keepLog != "" {
			errs = append(errs, copyFile(keepLog, n.daemon.LogPath))
		}
	}
	if n.lab != nil {
		errs = append(errs, n.closeLab())
	}
	if n.scratch != nil {
		errs = append(errs, n.scratch.Close())
	}
	return errors.Join(errs...)
}

// closeLab closes the laboratory and looks for what is left of it and of the daemon.
func (n *network) closeLab() error {
	var errs []error
	links, err := n.lab.Switch.Links()
	errs = append(errs, err)
	for _, l := range links {
		if strings.HasSuffix(l, "+xdp") || strings.HasPrefix(l, "tap") {
			errs = append(errs, fmt.Errorf("the daemon has left something behind: link %s", l))
		}
	}
	held, err := lab.HoldAll(n.lab.Namespaces())
	errs = append(errs, err, n.lab.Close())
	for _, left := range lab.Left(held) {
		errs = append(errs, fmt.Errorf("left behind: %s", left))
	}
	return errors.Join(errs...)
}

func copyFile(to, from string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o644)
}

// Bounds on waiting.
const (
	recovery    = 10 * time.Second // from the end of a step until everybody is reached
	pingTimeout = 300 * time.Millisecond
	apiTimeout  = 10 * time.Second
)

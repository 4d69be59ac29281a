//go:build integration

package overlay

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/daemon"
	"github.com/culvertdev/culvert/bench/guest"
	"github.com/culvertdev/culvert/bench/guest/inside"
	"github.com/culvertdev/culvert/bench/lab"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// need skips the test when something is missing, which each function has looked for.
func need(t *testing.T, missing ...func() error) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: network namespaces")
	}
	if l := lab.Missing(); len(l) > 0 {
		t.Skipf("missing %v", l)
	}
	for _, m := range missing {
		if err := m(); err != nil {
			t.Skip(err)
		}
	}
}

// built is the daemon's program, which TestMain builds.
var built string

func TestMain(m *testing.M) {
	os.Exit(daemon.WithProgram(func(program string) int {
		built = program
		return m.Run()
	}))
}

// Addresses of the underlay: the switch's, and the far end's.
var (
	near4, near6 = netip.MustParseAddr("10.77.0.100"), netip.MustParseAddr("fd77::100")
	far4, far6   = netip.MustParseAddr("10.77.0.2"), netip.MustParseAddr("fd77::2")
)

// overlay returns the addresses of alice, 1, or who is beyond the tunnel, 2, in one of the networks inside tunnels.
func overlay(network, host byte) []netip.Prefix {
	v6 := [16]byte{0xfd, 0x88, 2: 0, 3: network, 15: host}
	return []netip.Prefix{
		netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 88, network, host}), 24), netip.PrefixFrom(netip.AddrFrom16(v6), 64),
	}
}

// A plan says what a test's tunnel goes over.
type plan struct {
	vlan    uint16   // of the underlay; 0: none
	mtu     int      // of the underlay; 0: 1500
	inner   int      // MTU of both ends of the overlay; 0: 1400
	rules   []string // of the inside bridge; none: it learns
	options string   // of GENEVE, that are fields: a list
}

// A site is where a test takes place. All that it starts ends with the test.
type site struct {
	*testing.T
	plan
	ctx    context.Context
	lab    *lab.Lab
	dir    string
	alice  *guest.Host
	home   *lab.Host // where alice is
	far    *lab.Host // where the far end is, except when that is a guest
	daemon *daemon.Daemon
}

func newSite(t *testing.T, p plan, limit time.Duration) *site {
	t.Helper()
	s := newBareSite(t, p, limit)
	var err error
	s.far, err = s.lab.AddHost("far", "wan", lab.Link{MTU: p.mtu})
	must(t, err)
	return s
}

// newBareSite makes one without a far end.
func newBareSite(t *testing.T, p plan, limit time.Duration) *site {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	l, err := lab.New()
	must(t, err)
	t.Cleanup(func() { must(t, l.Close()) })
	dir, err := os.MkdirTemp(filepath.Dir(built), "")
	must(t, err)
	s := &site{T: t, plan: p, ctx: ctx, lab: l, dir: dir}
	s.home, err = l.AddHost("alice", "p1", lab.Link{MTU: p.mtu})
	must(t, err)
	s.alice = s.host(s.home.Namespace)
	if s.inner == 0 {
		s.inner = 1400
	}
	s.link(s.alice, lab.HostLink, s.inner, overlay(0, 1))
	return s
}

// host makes a namespace one that does what it is told.
func (s *site) host(n *lab.Namespace) *guest.Host {
	h := guest.In(n)
	s.Cleanup(func() { h.Close() })
	return h
}

// link configures a link and brings it up.
func (s *site) link(h *guest.Host, name string, mtu int, addresses []netip.Prefix) {
	s.Helper()
	_, err := h.SetLink(s.ctx, inside.Link{Name: name, MTU: mtu, Addresses: addresses})
	must(s.T, err)
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

// A tunnelPort is a port of the inside bridge.
type tunnelPort struct{ name, typ, options string }

// start starts the daemon with the tunnel port tun, of a type with options. It goes over an AF_XDP port to far.
func (s *site) start(typ, options string) {
	s.Helper()
	s.startWith("name: wan, type: afxdp", tunnelPort{"tun", typ, options})
}

// startWith starts the daemon with tunnel ports, given what the port of the underlay is.
func (s *site) startWith(wan string, tunnels ...tunnelPort) {
	s.Helper()
	var b strings.Builder
	b.WriteString("frames: {hugepages: never}\nworkers: {count: 1}\nbridges:\n  - name: inside\n")
	if s.options != "" {
		fmt.Fprintf(&b, "    tunnel-options: [%s]\n", s.options)
	}
	b.WriteString("    ports:\n      - {name: p1, type: afxdp}\n")
	for _, t := range tunnels {
		fmt.Fprintf(&b, "      - {name: %s, type: %s, options: {%s}}\n", t.name, t.typ, t.options)
	}
	if len(s.rules) > 0 {
		fmt.Fprintf(&b, "    flows: |\n      %s\n", strings.Join(s.rules, "\n      "))
	}
	fmt.Fprintf(&b, "  - name: outside\n    ports:\n      - {%s, underlay: {address: [%s/24, \"%s/64\"]", wan, near4, near6)
	if s.vlan != 0 {
		fmt.Fprintf(&b, ", vlan: %d", s.vlan)
	}
	b.WriteString("}}\n")
	s.run(b.String())
}

// run starts the daemon with a configuration.
func (s *site) run(config string) {
	s.Helper()
	d, err := daemon.Start(s.ctx, daemon.Options{
		Namespace: s.lab.Switch, Binary: built, Dir: s.path("daemon"), Config: config,
		Env: []string{"GOTRACEBACK=crash"}, // one that hangs says where
	})
	must(s.T, err)
	s.daemon = d
	s.Cleanup(func() {
		if s.Failed() {
			s.tell()
		}
		d.Kill() // where the test did not get so far as to stop it
	})
}

// tell logs what the daemon says of itself.
func (s *site) tell() {
	ctx, cancel := context.WithTimeout(context.Background(), patience) // the test's own has ended
	defer cancel()
	for _, c := range []string{"underlay", "port list", "stats", "cache dump"} {
		out, err := s.daemon.Command(ctx, strings.Fields(c)...)
		s.Logf("culvert %s: %v\n%s", c, err, out)
	}
	s.Logf("the end of the daemon's log:\n%s", s.daemon.LogTail(20_000))
}

// stop stops the daemon, which says whether it lost frames.
func (s *site) stop() {
	s.Helper()
	if err := s.daemon.Stop(); err != nil {
		s.Error(err)
	}
}

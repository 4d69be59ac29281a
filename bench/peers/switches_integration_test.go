//go:build integration

package peers

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/daemon"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/traffic"
	"github.com/culvertdev/culvert/vhost/frontend/vnf/vnftest"
)

// TestOneSwitchIsTheGuestOfAnother has two daemons, each with a host on an AF_XDP port, and vhost-user between them: hosts
// ping each other and send TCP, every byte compared, before and after each of the two is killed.
func TestOneSwitchIsTheGuestOfAnother(t *testing.T) {
	if lacks := lab.Missing(); len(lacks) > 0 {
		t.Skip(lacks[0])
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	l, err := lab.New()
	must(t, err)
	defer func() { must(t, l.Close()) }()
	var hosts [2]*lab.Host
	for i, name := range []string{"h1", "h2"} {
		hosts[i], err = l.AddHost(name, name, lab.Link{})
		must(t, err)
	}
	path := vnftest.Paths(t, 1)[0]
	dir := t.TempDir()
	start := func(host, kind string) *daemon.Daemon {
		d, err := daemon.Start(ctx, daemon.Options{
			Namespace: l.Switch, Binary: built, Dir: filepath.Join(dir, host),
			Config: fmt.Sprintf("bridges:\n  - name: br0\n    ports:\n      - {name: %s, type: afxdp}\n"+
				"      - {name: link, type: %s, options: {path: %s}}\n", host, kind, path),
		})
		must(t, err)
		return d
	}
	guest, back := start("h1", "vhost-frontend"), start("h2", "vhost-user")
	carry := func() {
		t.Helper()
		for _, d := range []*daemon.Daemon{guest, back} {
			_, err := d.WaitOpen(ctx)
			must(t, err)
		}
		e, err := traffic.Ping{Count: 5, Timeout: 3 * time.Second}.Run(ctx, hosts[0].Namespace, hosts[1].IPv4.Addr())
		must(t, err)
		if e.Lost() > 0 {
			t.Errorf("ping: %s", e)
		}
		for i, from := range hosts {
			to := hosts[1-i]
			tr, err := traffic.Bulk(ctx, from.Namespace, to.Namespace, to.IPv4.Addr(), 500*time.Millisecond)
			must(t, err)
			t.Logf("%s to %s: %s", from.Name(), to.Name(), tr)
		}
	}
	carry()
	must(t, back.Kill())
	back = start("h2", "vhost-user")
	carry()
	must(t, guest.Kill())
	guest = start("h1", "vhost-frontend")
	carry()
	must(t, guest.Stop())
	must(t, back.Stop())
}

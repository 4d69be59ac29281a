//go:build integration

package daemon_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/encap/vtep/vteptest"
	"github.com/culvertdev/culvert/pmd/memport"
)

// process starts a program that is ended with the test; what it says goes to the test's log.
func process(t *testing.T, name string, args ...string) {
	t.Helper()
	c := exec.CommandContext(context.Background(), name, args...)
	c.Stderr = t.Output()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGKILL)
		_ = c.Wait() // it was killed
	})
}

// startEtcd starts etcd and returns where it is.
func startEtcd(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("etcd"); err != nil {
		t.Skip("there is no etcd: ", err)
	}
	var at [2]string
	for i := range at {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		at[i] = l.Addr().String()
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	process(t, "etcd", "--name", "one", "--data-dir", t.TempDir(), "--log-level", "error",
		"--listen-client-urls", "http://"+at[0], "--advertise-client-urls", "http://"+at[0],
		"--listen-peer-urls", "http://"+at[1], "--initial-advertise-peer-urls", "http://"+at[1], "--initial-cluster", "one=http://"+at[1])
	return at[0]
}

func TestSitesShareADirectoryInEtcd(t *testing.T) {
	etcd := startEtcd(t)
	plugin := filepath.Join(t.TempDir(), "culvert-vtep-etcd")
	if out, err := exec.Command("go", "-C", "../../encap/vtep/etcd", "build", "-o", plugin, ".").CombinedOutput(); err != nil {
		t.Fatalf("build the plug-in: %v\n%s", err, out)
	}
	profile := func() string {
		dir, err := os.MkdirTemp("", "vtep") // a short path: sockets have 108 bytes for it
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		path := filepath.Join(dir, "s")
		process(t, plugin, "--socket", path, "--endpoints", etcd)
		return "suppress: true, lookup: {kind: socket, options: {path: " + path + "}}"
	}
	l1, p1, u1 := site(t, 1, profile())
	l2, p2, u2 := site(t, 2, profile())
	l3, p3, u3 := site(t, 3, profile())
	connectSites(t, u1, u2, u3)
	for _, l := range []*lab{l1, l2, l3} {
		eventually(t, "the plug-in follows etcd", func() bool { return call(l, api.ProfileShow, api.ProfileName{})[0].Lookup.Up })
	}
	there := packet(1, 2)
	expect(t, "a packet gets to a guest", there, p2, func() {
		p2.SendBytes(packet(2, 9))
		p1.SendBytes(there)
	})

	// The guest moves while packets for it go on; the port that it was at has no carrier any more.
	move := func(from, to *memport.Peer) func() {
		return func() {
			from.SetLink(false)
			to.SetLink(true)
			expect(t, "a packet gets to where the guest is now", there, to, func() {
				to.SendBytes(packet(2, 9))
				p1.SendBytes(there)
			})
		}
	}
	vteptest.InASecond(t, move(p2, p3), move(p3, p2))

	eventually(t, "it is withdrawn where it was", func() bool { return call(l2, api.ProfileShow, api.ProfileName{})[0].Here == 0 })
	p2.SetLink(true)
	expect(t, "and back", there, p2, func() {
		p2.SendBytes(packet(2, 9))
		p1.SendBytes(there)
	})
}

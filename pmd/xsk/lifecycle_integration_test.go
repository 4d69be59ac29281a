//go:build integration

package xsk

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/pmd"
	"github.com/safchain/ethtool"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func TestLinkUpFollowsTheCarrier(t *testing.T) {
	w := newWorld(t, pair{})
	h := w.hosts[0]
	p := open(t, newTestPool(t, 8192), h.port, nil)
	eventually(t, "link up", p.LinkUp)
	for range 2 {
		must(t, netlink.LinkSetDown(h.portLink()))
		eventually(t, "link down", func() bool { return !p.LinkUp() })
		must(t, netlink.LinkSetUp(h.portLink()))
		eventually(t, "link up again", p.LinkUp)
	}
	h.on(func() {
		l, err := netlink.LinkByName("e0")
		must(t, err)
		must(t, netlink.LinkSetDown(l))
	})
	eventually(t, "link down when the other end is", func() bool { return !p.LinkUp() })
	if err := p.Err(); err != nil {
		t.Errorf("the port stopped: %v", err)
	}
}

func TestAPortOpenedOnADownDeviceWorksOnceItIsUp(t *testing.T) {
	for _, mode := range []string{"native", "generic"} {
		t.Run(mode, func(t *testing.T) {
			w := newWorld(t, pair{})
			h := w.hosts[0]
			must(t, netlink.LinkSetDown(h.portLink()))
			p := open(t, newTestPool(t, 8192), h.port, map[string]string{OptMode: mode})
			if p.LinkUp() {
				t.Error("link up")
			}
			must(t, netlink.LinkSetUp(h.portLink()))
			eventually(t, "link up", p.LinkUp)
			raw := h.raw()
			eventually(t, "a frame", func() bool {
				raw.send(testFrame(60, 1))
				p.queues[0].rx.counters.Publish()
				p.discard()
				return p.queues[0].rx.counters.Value(pmd.RxPackets) > 0
			})
		})
	}
}

// Neither a panic nor a lost buffer, and traffic goes on afterwards.
func TestTheLinkGoesDownUnderTraffic(t *testing.T) {
	for _, mode := range []string{"native", "generic"} {
		t.Run(mode, func(t *testing.T) {
			w := newWorld(t, pair{}, pair{})
			pool := newTestPool(t, 16384)
			a := open(t, pool, w.hosts[0].port, map[string]string{OptMode: mode})
			b := open(t, pool, w.hosts[1].port, map[string]string{OptMode: mode})
			f := startForwarder(a, b, nil)
			defer f.close()
			from, to := w.hosts[0].raw(), w.hosts[1].raw()
			for i := range uint32(300) {
				from.send(testFrame(200, i))
				if i == 100 {
					must(t, netlink.LinkSetDown(w.hosts[1].portLink()))
				}
			}
			must(t, netlink.LinkSetUp(w.hosts[1].portLink()))
			eventually(t, "link up again", b.LinkUp)
			want := testFrame(300, 1000)
			eventually(t, "a frame after the link came back", func() bool {
				from.send(want)
				for {
					got := to.recv()
					if got == nil || bytes.Equal(got, want) {
						return got != nil
					}
				}
			})
		})
	}
}

func TestThePortStopsAndSaysWhyWhen(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(t *testing.T, h *host, p *Port)
		want string
	}{
		{"the device is deleted", func(t *testing.T, h *host, _ *Port) {
			must(t, netlink.LinkDel(h.portLink()))
		}, "gone"},
		{"the device moves to another namespace", func(t *testing.T, h *host, _ *Port) {
			must(t, netlink.LinkSetDown(h.portLink()))
			must(t, netlink.LinkSetNsFd(h.portLink(), int(h.ns)))
		}, "gone"},
		{"its MTU changes", func(t *testing.T, h *host, _ *Port) {
			must(t, netlink.LinkSetMTU(h.portLink(), 1400))
		}, "MTU changed from 1500 to 1400"},
		{"its number of queues changes", func(t *testing.T, h *host, _ *Port) {
			setChannels(t, h.port, 2, 1)
		}, "queues changed from 1 to 2"},
		{"its program is taken off", func(t *testing.T, _ *host, p *Port) {
			must(t, p.steer.link.Detach())
		}, "taken off"},
		{"its address changes", func(t *testing.T, h *host, _ *Port) {
			must(t, netlink.LinkSetHardwareAddr(h.portLink(), []byte{2, 0, 0, 0, 0, 9}))
		}, "address changed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, pair{rx: 2, tx: 2})
			h := w.hosts[0]
			setChannels(t, h.port, 1, 1)
			p := open(t, newTestPool(t, 8192), h.port, nil)
			c.do(t, h, p)
			select {
			case <-p.Done():
			case <-time.After(3 * time.Second):
				t.Fatal("not done within three seconds")
			}
			if err := p.Err(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			if p.LinkUp() {
				t.Error("the link of a stopped port is up")
			}
		})
	}
}

func setChannels(t *testing.T, name string, rx, tx uint32) {
	t.Helper()
	e, err := ethtool.NewEthtool()
	must(t, err)
	defer e.Close()
	ch, err := e.GetChannels(name)
	must(t, err)
	ch.RxCount, ch.TxCount = rx, tx
	_, err = e.SetChannels(name, ch)
	must(t, err)
}

func TestARecreatedDeviceIsOpenedAnew(t *testing.T) {
	w := newWorld(t, pair{})
	h := w.hosts[0]
	pool := newTestPool(t, 8192)
	d := New(pool, slog.New(slog.DiscardHandler))
	for range 3 {
		p, err := d.Open(context.Background(), h.port, nil)
		must(t, err)
		must(t, netlink.LinkDel(h.portLink()))
		<-p.Done()
		must(t, p.Close())
		if _, err := d.Open(context.Background(), h.port, nil); err == nil {
			t.Fatal("a device that is gone was opened")
		}
		h.makePair(pair{})
	}
}

func TestAQueueCanBeOpenedAgainAtOnce(t *testing.T) {
	w := newWorld(t, pair{})
	pool := newTestPool(t, 8192)
	d := New(pool, slog.New(slog.DiscardHandler))
	for range 5 {
		p, err := d.Open(context.Background(), w.hosts[0].port, nil)
		must(t, err)
		must(t, p.Close())
		must(t, p.Close()) // idempotent
	}
}

// What Close waits for with zero-copy, which no device here has.
func TestASentinelSeesAQueueComeFree(t *testing.T) {
	w := newWorld(t, pair{})
	pool := newTestPool(t, 8192)
	index := w.hosts[0].portLink().Attrs().Index
	for range 5 {
		s, err := newSentinel()
		must(t, err)
		p, err := New(pool, slog.New(slog.DiscardHandler)).Open(context.Background(), w.hosts[0].port, nil)
		must(t, err)
		start, closed := time.Now(), make(chan error)
		go func() {
			time.Sleep(50 * time.Millisecond)
			closed <- p.Close()
		}()
		s.await(index, 0)
		must(t, <-closed)
		if took := time.Since(start); took < 50*time.Millisecond || took > 2*time.Second {
			t.Errorf("waited %v for a queue that was closed after 50ms", took)
		}
	}
}

func TestASecondPortOnADeviceIsAnError(t *testing.T) {
	w := newWorld(t, pair{})
	pool := newTestPool(t, 16384)
	open(t, pool, w.hosts[0].port, nil)
	_, err := New(pool, slog.New(slog.DiscardHandler)).Open(context.Background(), w.hosts[0].port, nil)
	if err == nil || !strings.Contains(err.Error(), "another XDP program") {
		t.Errorf("error %v, want one with %q", err, "another XDP program")
	}
}

// childEnv makes the test binary a process that opens the port it names and waits to be killed.
const childEnv = "CULVERT_XSK_CHILD"

func TestAKilledProcessLeavesNothingOnTheDevice(t *testing.T) {
	if name := os.Getenv(childEnv); name != "" {
		open(t, newTestPool(t, 8192), name, nil)
		os.Stdout.WriteString("open\n")
		time.Sleep(time.Minute)
		return
	}
	w := newWorld(t, pair{})
	h := w.hosts[0]
	// The child starts in the namespace of this thread.
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestAKilledProcessLeavesNothingOnTheDevice$")
	cmd.Env = append(os.Environ(), childEnv+"="+h.port)
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	buf := make([]byte, 4096)
	n, _ := out.Read(buf)
	if !strings.Contains(string(buf[:n]), "open") {
		t.Fatalf("the child says %q", buf[:n])
	}
	if x := h.portLink().Attrs().Xdp; x == nil || x.ProgId == 0 {
		t.Error("the child has no program on the device")
	}
	if h.portLink().Attrs().Promisc == 0 {
		t.Error("the child has not made the device promiscuous")
	}
	must(t, cmd.Process.Kill())
	_ = cmd.Wait() // killed
	eventually(t, "the device is as before", func() bool {
		a := h.portLink().Attrs()
		return (a.Xdp == nil || a.Xdp.ProgId == 0) && a.Promisc == 0
	})
	open(t, newTestPool(t, 8192), h.port, nil)
}

func TestCloseUnderLoadReturnsEveryFrame(t *testing.T) {
	for _, mode := range []string{"native", "generic"} {
		t.Run(mode, func(t *testing.T) {
			w := newWorld(t, pair{mtu: 9000}, pair{mtu: 9000})
			pool := newTestPool(t, 16384) // its cleanup is the test
			a := open(t, pool, w.hosts[0].port, map[string]string{OptMode: mode})
			b := open(t, pool, w.hosts[1].port, map[string]string{OptMode: mode})
			from := w.hosts[0].raw()
			for i := range uint32(500) {
				from.send(testFrame(14+int(i)*17, i))
				if i == 400 { // what came so far goes out; the rest stays in the rings
					f := startForwarder(a, b, nil)
					time.Sleep(time.Millisecond)
					f.close()
				}
			}
		})
	}
}

//go:build integration

package xsk

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/ring/frame"
	"golang.org/x/sys/unix"
)

func TestForwardBetweenTwoVethPorts(t *testing.T) {
	for _, options := range []map[string]string{
		{},
		{OptMode: "generic"},
		{OptNeedWakeup: "off"},
		{OptBusyPoll: "20us"},
		{OptMode: "generic", OptBusyPoll: "20us"},
		{OptMultiBuffer: "off"}, // beyond a page of MTU that means generic
		{OptMode: "generic", OptMultiBuffer: "off"},
		{OptRingSize: "64"},
	} {
		for _, mtu := range []int{1500, 9000} {
			for _, buffer := range []int{2048, 4096} {
				t.Run(fmt.Sprintf("%v, MTU %d, buffers of %d bytes", options, mtu, buffer), func(t *testing.T) {
					forwardSizes(t, options, mtu, buffer)
				})
			}
		}
	}
}

// forwardSizes sends frames of all kinds of sizes by two ports with the given options.
func forwardSizes(t *testing.T, options map[string]string, mtu, buffer int) {
	w := newWorld(t, pair{mtu: mtu}, pair{mtu: mtu})
	pool := newTestPoolOf(t, frame.Options{Buffers: 8192, BufferSize: buffer})
	a := open(t, pool, w.hosts[0].port, options)
	b := open(t, pool, w.hosts[1].port, options)
	f := startForwarder(a, b, nil)
	defer f.close()
	for _, n := range a.Info().Notes {
		t.Logf("%s: %s (%s)", n.Key, n.Value, n.Reason)
	}
	largest := mtu + ethernetHeader
	if note(a, "multi-buffer").Value == "off" {
		largest = min(largest, pool.Room())
	}
	from, to := w.hosts[0].raw(), w.hosts[1].raw()
	for i, size := range []int{14, 15, 60, 64, 576, 1000, 1514, 1664, 1665, 3712, 3713, 4000, 9014} {
		if size > largest {
			break
		}
		want := testFrame(size, uint32(i))
		from.send(want)
		if got := to.recv(); !bytes.Equal(got, want) {
			t.Errorf("a frame of %d bytes came out as %d bytes, changed or not at all", size, len(got))
		}
	}
	for _, p := range []*Port{a, b} {
		if err := p.Err(); err != nil {
			t.Errorf("port stopped: %v", err)
		}
	}
}

func TestAnArmedQueueWakesItsWorker(t *testing.T) {
	for _, options := range []map[string]string{{}, {OptMode: "generic"}, {OptBusyPoll: "20us"}} {
		t.Run(fmt.Sprint(options), func(t *testing.T) {
			w := newWorld(t, pair{})
			p := open(t, newTestPool(t, 8192), w.hosts[0].port, options)
			q, raw := p.queues[0].rx, w.hosts[0].raw()
			for i := range uint32(20) {
				for q.Arm() { // what hosts say on their own account
					p.discard()
				}
				raw.send(testFrame(60, i))
				fds := []unix.PollFd{{Fd: int32(q.FD()), Events: unix.POLLIN}}
				if n, err := unix.Poll(fds, 1000); n != 1 || fds[0].Revents&unix.POLLIN == 0 {
					t.Fatalf("the queue does not poll readable: %d, %v", n, err)
				}
				p.discard()
			}
		})
	}
}

func TestAnArenaOnHugepages(t *testing.T) {
	pool, err := frame.NewPool(frame.Options{Buffers: 4096, Huge: frame.HugeAlways, Audit: true})
	if err != nil {
		if free := freeHugepages(t); free >= 4 { // 4096 buffers of 2 KiB
			t.Fatalf("%d hugepages are free, and the pool fails: %v", free, err)
		}
		t.Skipf("too few free hugepages: %v", err)
	}
	t.Cleanup(func() { must(t, pool.Close()) })
	w := newWorld(t, pair{})
	p := open(t, pool, w.hosts[0].port, map[string]string{OptRingSize: "512"})
	f := startForwarder(p, p, nil)
	defer f.close()
	raw := w.hosts[0].raw()
	want := testFrame(1514, 1)
	raw.send(want)
	if got := raw.recv(); !bytes.Equal(got, want) {
		t.Errorf("a frame came back as %d bytes, changed or not at all", len(got))
	}
}

// freeHugepages returns how many hugepages of 2 MiB are free; none on a kernel without.
func freeHugepages(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages")
	if errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	must(t, err)
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	must(t, err)
	return n
}

// discard receives and frees what is in queue 0.
func (p *Port) discard() {
	var b frame.Batch
	p.queues[0].rx.Recv(&b)
	p.queues[0].rx.cache.PutBatch(&b)
}

func TestInfoTellsWhatIsKnown(t *testing.T) {
	w := newWorld(t, pair{mtu: 2000})
	h := w.hosts[0]
	i := open(t, newTestPool(t, 8192), h.port, map[string]string{OptPass: "arp,host"}).Info()
	a := h.portLink().Attrs()
	if i.Name != h.port || i.Driver != "xsk" || i.MTU != 2000 || !bytes.Equal(i.MAC, a.HardwareAddr) || i.NUMA != -1 {
		t.Errorf("got %+v", i)
	}
	if a.Promisc == 0 {
		t.Error("the device is not promiscuous")
	}
}

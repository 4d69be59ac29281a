package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/control/config"
	"github.com/culvertdev/culvert/control/daemon"
	"github.com/culvertdev/culvert/vhost/proto"
	"github.com/culvertdev/culvert/vhost/virtq/driver"
)

// What becomes of a guest that breaks a rule is tested rule by rule in package vhost. This is what people see of it: in the
// port list, its counters, beside what was dropped, the metrics and the log.
func TestWhatAGuestDidWrongIsSeenEverywhere(t *testing.T) {
	dir := t.TempDir()
	socket, victim := filepath.Join(dir, "s"), filepath.Join(dir, "vm1")
	c, err := config.Parse(config.Source{Name: "c.yaml", Drivers: drivers().Types(), Text: fmt.Sprintf(
		"control: {socket: %s}\nmetrics: {listen: \"127.0.0.1:0\"}\nframes: {buffers: 4096, hugepages: never}\nbridges:\n- name: br0\n  ports:\n"+
			"  - {name: vm1, type: vhost-user, options: {path: %s, mode: server}}\n", socket, victim)})
	if err != nil {
		t.Fatal(err)
	}
	log := new(process) // for what the daemon logs
	d, err := daemon.Start(t.Context(), daemon.Options{
		Config: c, File: "c.yaml", Drivers: drivers(), Audit: true, Log: slog.New(slog.NewTextHandler(log, nil)), Build: api.Version{Version: "test"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.Close(); err != nil { // frames that are not back would be one
			t.Error(err)
		}
	}()
	cli := func(args ...string) string {
		out, errs, _ := culvert(t, "", append([]string{"--socket", socket}, args...)...)
		return out + errs
	}
	metrics := func() string {
		r, err := http.Get("http://" + d.MetricsAddr() + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for fault, wrong := range map[string]func(g *rawGuest){
		"message":         func(g *rawGuest) { g.conn.Tell(proto.SetVringNum, proto.VringState{Index: 99, Num: 16}) },
		"descriptor_loop": (*rawGuest).loop,
	} {
		t.Run(fault, func(t *testing.T) {
			g := newRawGuest(t, victim)
			soon(t, "the port has a link", func() bool { return strings.Contains(cli("port", "list"), "rings: 2, split") })
			wrong(g)
			soon(t, "the port list says why there is none", func() bool { return strings.Contains(cli("port", "list"), "last fault: "+fault) })
			counter := "fault_" + fault
			if out := cli("port", "list"); !strings.Contains(out, "faults 1: "+counter+" (Sessions ended because") {
				t.Errorf("the port list has no %s:\n%s", counter, out)
			}
			if out := cli("port", "list", "--json"); !strings.Contains(out, counter) {
				t.Errorf("the port's counters have no %s:\n%s", counter, out)
			}
			shown := regexp.MustCompile(`(?m)^vm1 +` + counter + ` +1 +Sessions ended because`)
			if out := cli("stats"); !shown.MatchString(out) {
				t.Errorf("the stats have no %s:\n%s", counter, out)
			}
			if line := fmt.Sprintf("culvert_port_events_total{event=%q,port=\"vm1\"} 1", counter); !strings.Contains(metrics(), line) {
				t.Errorf("the metrics have no %s", line)
			}
			if !log.logged("session ended") {
				t.Error("the log has no reason")
			}
		})
	}
	newRawGuest(t, victim) // the port has come back
	soon(t, "the next guest has a link", func() bool { return strings.Contains(cli("port", "list"), "rings: 2, split") })
}

// A rawGuest is the least there is of a guest: memory with two split rings of 16 entries, 64 KiB each, and buffers behind.
type rawGuest struct {
	conn   *proto.Conn
	memory []byte
}

const rawRing = 64 << 10

func newRawGuest(t *testing.T, path string) *rawGuest {
	t.Helper()
	fd, err := unix.MemfdCreate("guest", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	const size = 4 * rawRing
	if err := unix.Ftruncate(fd, size); err != nil {
		t.Fatal(err)
	}
	g := new(rawGuest)
	if g.memory, err = unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		t.Fatal(err)
	}
	kick, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(kick)
	soon(t, "the port listens", func() bool {
		sock, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
		if err == nil {
			g.conn = proto.NewConn(sock)
		}
		return err == nil
	})
	t.Cleanup(func() {
		g.conn.Close()
		unix.Munmap(g.memory)
	})
	tell := func(r proto.Request, p proto.Payload, fds ...int) {
		t.Helper()
		if err := g.conn.Tell(r, p, fds...); err != nil {
			t.Fatal(err)
		}
	}
	tell(proto.SetOwner, nil)
	tell(proto.SetFeatures, proto.U64(proto.Version1))
	tell(proto.SetMemTable, proto.MemTable{{Size: size}}, fd)
	at := driver.SplitLayout(driver.Config{Size: 16})
	for i := range uint32(2) {
		base := uint64(i) * rawRing
		tell(proto.SetVringNum, proto.VringState{Index: i, Num: 16})
		tell(proto.SetVringAddr, proto.VringAddr{Index: i, Desc: base, Avail: base + uint64(at.Driver), Used: base + uint64(at.Device)})
		tell(proto.SetVringKick, proto.VringFile{Index: uint8(i)}, kick)
	}
	return g
}

// loop makes a chain available that has no end, and wakes the switch for it.
func (g *rawGuest) loop() {
	ring := g.memory[rawRing:]
	for i := range uint16(2) {
		desc := ring[16*i:]
		binary.LittleEndian.PutUint64(desc, 2*rawRing)
		binary.LittleEndian.PutUint32(desc[8:], 64)
		binary.LittleEndian.PutUint16(desc[12:], 1) // VIRTQ_DESC_F_NEXT
		binary.LittleEndian.PutUint16(desc[14:], 1-i)
	}
	avail := ring[driver.SplitLayout(driver.Config{Size: 16}).Driver:]
	binary.LittleEndian.PutUint16(avail[2:], 1)
	g.conn.Tell(proto.SetVringEnable, proto.VringState{Index: 1, Num: 1})
}

func soon(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

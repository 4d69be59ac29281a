package vhost

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/vhost/proto"
)

// A daemon is one of a FUSE file system whose root is a file. It answers what opens that file, and nothing else.
type daemon struct {
	dev *os.File // read by the runtime's poller: closing it ends the file system, and no thread is in the kernel with it
	fd  int      // the file
}

// newDaemon mounts the file system, which takes root, opens its file, and takes the mount out of the machine's tree again before anything
// else: the descriptor keeps the file system, and nothing is left of it when the test's process ends, in whatever way.
func newDaemon(t *testing.T) *daemon {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root mounts a FUSE file system without help")
	}
	dev, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Skip(err)
	}
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("culvert-test", path, "fuse", unix.MS_NOSUID|unix.MS_NODEV, fmt.Sprintf("fd=%d,rootmode=100644,user_id=0,group_id=0", dev)); err != nil {
		unix.Close(dev)
		t.Skip(err)
	}
	d := &daemon{dev: os.NewFile(uintptr(dev), "/dev/fuse")} // only with a file system there is something to poll for
	late := time.AfterFunc(20*time.Second, d.end)            // a test that fails must not leave a process that nobody can end
	go d.run()
	d.fd, err = unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if left := unix.Unmount(path, unix.MNT_DETACH); err != nil || left != nil {
		d.dev.Close()
		t.Fatal(errors.Join(err, left))
	}
	t.Cleanup(func() {
		late.Stop()
		d.end()
		unix.Close(d.fd)
	})
	return d
}

// end ends the file system: whoever waits for it gets an error.
func (d *daemon) end() { d.dev.Close() }

// run answers FUSE_INIT and FUSE_OPEN (include/uapi/linux/fuse.h). It ends with the file system.
func (d *daemon) run() {
	const open, initialise = 14, 26
	in := make([]byte, 1<<17)
	for {
		n, err := d.dev.Read(in)
		if err != nil || n < 40 {
			return
		}
		body := map[byte]int{initialise: 64, open: 16}[in[4]]
		if body == 0 {
			continue
		}
		out := make([]byte, 16+body)
		out[0] = byte(len(out))
		copy(out[8:16], in[8:16]) // unique
		if in[4] == initialise {
			out[16], out[20] = 7, 31 // version
			out[37] = 16             // 4096 bytes are written at once
		}
		if _, err := d.dev.Write(out); err != nil {
			return
		}
	}
}

// A frontend sends files whose closing, or looking at, asks a daemon that never answers. Its session ends in time, and so does its port.
func TestFilesThatNobodyAnswersForHoldUpNobody(t *testing.T) {
	for name, send := range map[string]func(b *bench, fd int){
		"as an eventfd":            func(b *bench, fd int) { b.g.conn.Tell(proto.SetVringCall, proto.VringFile{Index: 0}, fd) },
		"as memory":                func(b *bench, fd int) { b.g.conn.Tell(proto.SetMemTable, proto.MemTable{b.g.region()}, fd) },
		"as a channel":             func(b *bench, fd int) { b.g.conn.Tell(proto.SetBackendReqFD, nil, fd) },
		"with what has no use for": func(b *bench, fd int) { b.g.conn.Tell(proto.SetOwner, nil, fd) },
	} {
		t.Run(name, func(t *testing.T) {
			b := connected(t, shape{features: common})
			d := newDaemon(t)
			b.g.conn.SetTimeout(5 * time.Second)
			begun := time.Now()
			send(b, d.fd)
			b.down()
			b.g.behave()
			b.up()
			b.pass(0, 3)
			closed := make(chan struct{})
			go func() {
				defer close(closed)
				b.p.Close()
			}()
			select {
			case <-closed:
			case <-time.After(20 * time.Second):
				t.Error("the port does not close")
			}
			if took := time.Since(begun); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// One that goes on sending such files is not listened to while they are many.
func TestFilesThatNobodyAnswersForAreBounded(t *testing.T) {
	b := newBench(t, shape{features: common}, nil)
	d := newDaemon(t)
	for range 40 {
		b.g.listen.SetDeadline(time.Now().Add(2 * time.Second))
		sock, err := b.g.listen.AcceptUnix()
		if err != nil {
			if !b.p.bin.Full() || b.note("frontend").Value != "not listened to" {
				t.Errorf("no session, %v; the bin is full: %v, the port says: %+v", err, b.p.bin.Full(), b.note("frontend"))
			}
			d.end() // lets the files go
			eventually(t, "the port listens again", func() bool { return b.note("frontend").Value != "not listened to" })
			return
		}
		c := proto.NewConn(sock)
		c.Tell(proto.SetOwner, nil, d.fd, d.fd, d.fd, d.fd, d.fd, d.fd, d.fd, d.fd)
		time.Sleep(50 * time.Millisecond)
		c.Close()
	}
	t.Error("40 sessions have left files")
}

// A port that listens to nobody looks like one that nobody has connected to. It says what it is, once, and when that is over.
func TestAPortThatListensToNobodySaysSoOnce(t *testing.T) {
	b := connected(t, shape{features: common})
	answer := make(chan struct{})
	for !b.p.bin.Full() {
		fd := b.g.eventfd()
		if err := b.p.bin.Look(fd, time.Millisecond, func(int) error { <-answer; return nil }); !errors.Is(err, proto.ErrStuck) {
			t.Fatal(err)
		}
	}
	b.g.hangUp()
	eventually(t, "the port says so", func() bool { return b.note("frontend").Value == "not listened to" })
	time.Sleep(20 * b.p.o.retry) // it looks again and again
	if n := strings.Count(b.log.String(), "no frontend is listened to"); n != 1 {
		t.Errorf("the log says so %d times, want once:\n%s", n, b.log)
	}
	close(answer)
	eventually(t, "the log says that it is over", func() bool { return b.log.has("frontends are listened to again") })
	if n := b.note("frontend"); n.Value == "not listened to" {
		t.Errorf("the port still says: %+v", n)
	}
	b.g.behave()
	b.up()
	b.pass(0, 3)
}

package vhost

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/vhost/proto"
)

// A daemon is one of a FUSE file system whose root is a file. It answers what opens that file, and nothing else.
type daemon struct {
	dev  int
	path string
}

// newDaemon mounts the file system, which takes root.
func newDaemon(t *testing.T) *daemon {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root mounts a FUSE file system without help")
	}
	dev, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skip(err)
	}
	d := &daemon{dev: dev, path: filepath.Join(t.TempDir(), "file")}
	if err := os.WriteFile(d.path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("culvert-test", d.path, "fuse", unix.MS_NOSUID|unix.MS_NODEV, fmt.Sprintf("fd=%d,rootmode=100644,user_id=0,group_id=0", dev)); err != nil {
		unix.Close(dev)
		t.Skip(err)
	}
	go d.run()
	// A test that fails must not leave a process that nobody can end.
	late := time.AfterFunc(20*time.Second, func() { unix.Unmount(d.path, unix.MNT_FORCE) })
	t.Cleanup(func() {
		late.Stop()
		unix.Unmount(d.path, unix.MNT_DETACH|unix.MNT_FORCE) // whoever waits gets an error
		unix.Close(dev)
	})
	return d
}

// run answers FUSE_INIT and FUSE_OPEN (include/uapi/linux/fuse.h). It ends with the mount.
func (d *daemon) run() {
	const open, initialise = 14, 26
	in := make([]byte, 1<<17)
	for {
		n, err := unix.Read(d.dev, in)
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
		if _, err := unix.Write(d.dev, out); err != nil {
			return
		}
	}
}

// file opens the file; the test closes it when nobody waits for the daemon any more.
func (d *daemon) file(t *testing.T) int {
	t.Helper()
	fd, err := unix.Open(d.path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return fd
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
			fd := d.file(t)
			t.Cleanup(func() {
				unix.Unmount(d.path, unix.MNT_FORCE|unix.MNT_DETACH)
				unix.Close(fd)
			})
			b.g.conn.SetTimeout(5 * time.Second)
			begun := time.Now()
			send(b, fd)
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
	fd := d.file(t)
	t.Cleanup(func() {
		unix.Unmount(d.path, unix.MNT_FORCE|unix.MNT_DETACH)
		unix.Close(fd)
	})
	for range 40 {
		b.g.listen.SetDeadline(time.Now().Add(2 * time.Second))
		sock, err := b.g.listen.AcceptUnix()
		if err != nil {
			if !b.p.bin.Full() {
				t.Errorf("no session, and the bin is not full: %v", err)
			}
			return
		}
		c := proto.NewConn(sock)
		c.Tell(proto.SetOwner, nil, fd, fd, fd, fd, fd, fd, fd, fd)
		time.Sleep(50 * time.Millisecond)
		c.Close()
	}
	t.Error("40 sessions have left files")
}

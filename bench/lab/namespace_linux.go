package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// A Namespace is an anonymous network namespace with a thread that lives in it.
type Namespace struct {
	name  string
	file  *os.File // refers to the namespace
	inode uint64
	calls chan call
	ended chan error
}

// A call is a function to run on the namespace's thread.
type call struct {
	f   func() error
	err chan<- error
}

// NewNamespace makes a namespace whose loopback interface is up. name is for errors.
func NewNamespace(name string) (*Namespace, error) {
	n := &Namespace{name: name, calls: make(chan call), ended: make(chan error, 1)}
	entered := make(chan error)
	go n.live(entered)
	if err := <-entered; err != nil {
		return nil, fmt.Errorf("make network namespace %s: %w", name, err)
	}
	if err := n.Do(func() error { return setUp("lo") }); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// live is the namespace's thread: it enters, runs what it is asked to, and goes home. If it cannot go
// home the thread ends with the goroutine, as Go ends threads that are still locked.
func (n *Namespace) live(entered chan<- error) {
	runtime.LockOSThread()
	home, err := netns.Get()
	if err != nil {
		entered <- err
		return
	}
	defer home.Close()
	if err := n.enter(); err != nil {
		entered <- err
		return
	}
	close(entered)
	for c := range n.calls {
		c.err <- c.f()
	}
	if err := netns.Set(home); err != nil {
		n.ended <- fmt.Errorf("leave network namespace %s: %w", n.name, err)
		return
	}
	runtime.UnlockOSThread()
	n.ended <- nil
}

func (n *Namespace) enter() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return err
	}
	f, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	n.file, n.inode = f, info.Sys().(*syscall.Stat_t).Ino
	return nil
}

// Name returns the name given to NewNamespace.
func (n *Namespace) Name() string { return n.name }

// Inode returns the number by which /proc/PID/ns/net names the namespace.
func (n *Namespace) Inode() uint64 { return n.inode }

// Do runs f on the namespace's thread and returns its error. What f opens belongs to the namespace and
// can be used from any goroutine afterwards. f must not start a goroutine that opens something, nor
// call Do of the same namespace.
func (n *Namespace) Do(f func() error) error {
	err := make(chan error)
	n.calls <- call{f, err}
	return <-err
}

// Start starts cmd inside the namespace, in a process group of its own so that a terminal's Ctrl-C does
// not reach it. The kernel kills it when this process ends or the namespace is closed, whichever way.
func (n *Namespace) Start(cmd *exec.Cmd) error {
	detach(cmd)
	return n.Do(cmd.Start)
}

// detach gives a command a process group of its own, and an end with this process's.
func detach(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = new(syscall.SysProcAttr)
	}
	cmd.SysProcAttr.Setpgid = true
	// prctl(2), PR_SET_PDEATHSIG: the "parent" is the thread that forked, here the namespace's own.
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
}

// Close takes this process out of the namespace, which the kernel then takes apart once sockets and
// children are gone too. Processes started in it must have ended.
func (n *Namespace) Close() error {
	close(n.calls)
	return errors.Join(<-n.ended, n.file.Close())
}

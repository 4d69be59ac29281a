// Package daemon runs the real Culvert daemon for the scenarios of bench: the binary as a user starts
// it, with a configuration file, as a child process inside a laboratory's namespace.
//
// It does not link the switch; what it knows of it comes over the control socket.
//
// Thread-safety: all methods are safe for concurrent use; nothing may be used after Stop.
package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/culvertdev/culvert/bench/lab"
)

const (
	readyTimeout = 15 * time.Second // from the start of the process to an answer on the socket
	stopTimeout  = 15 * time.Second // from SIGTERM to the end of the process
	quitTimeout  = 3 * time.Second  // from SIGQUIT to the end of the process, with what it was doing in its log
)

// Options say how to start a daemon.
type Options struct {
	Namespace *lab.Namespace
	// Spawn starts it, in place of Namespace's Start; nil: Namespace's Start.
	Spawn  func(*exec.Cmd) error
	Binary string // path of culvert
	Dir    string // a directory for its configuration, socket and log; made if it is not there
	// Config is the configuration, without the control section, which Start writes.
	Config string
	Env    []string // in addition to this process's
}

// A Daemon is a running culvert.
type Daemon struct {
	Control
	ConfigPath string
	LogPath    string

	o     Options
	cmd   *exec.Cmd
	log   *os.File
	ended chan struct{} // closed when the process is gone
	err   error         // how it ended; valid then
}

// Start writes the configuration, starts the daemon and waits until it answers.
func Start(ctx context.Context, o Options) (*Daemon, error) {
	if o.Spawn == nil {
		o.Spawn = o.Namespace.Start
	}
	d := &Daemon{
		Control:    Control{Socket: filepath.Join(o.Dir, "culvert.sock"), Binary: o.Binary},
		ConfigPath: filepath.Join(o.Dir, "culvert.yaml"),
		LogPath:    filepath.Join(o.Dir, "culvert.log"),
		o:          o,
		ended:      make(chan struct{}),
	}
	// A directory of its own: the daemon locks the one its socket is in.
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(d.ConfigPath, []byte(d.Config()), 0o600); err != nil {
		return nil, fmt.Errorf("write configuration: %w", err)
	}
	if err := d.start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", o.Binary, err)
	}
	if err := d.connect(ctx); err != nil {
		_ = d.Stop() // what matters has been said
		return nil, err
	}
	return d, nil
}

// Config returns the text of the configuration file.
func (d *Daemon) Config() string {
	return fmt.Sprintf("control:\n  socket: %s\n%s", d.Socket, d.o.Config)
}

func (d *Daemon) start() (err error) {
	if d.log, err = os.Create(d.LogPath); err != nil {
		return err
	}
	d.cmd = exec.Command(d.o.Binary, "run", "--config", d.ConfigPath)
	d.cmd.Stdout, d.cmd.Stderr = d.log, d.log
	d.cmd.Env = append(os.Environ(), d.o.Env...)
	if err := d.o.Spawn(d.cmd); err != nil {
		return errors.Join(err, d.log.Close())
	}
	go func() {
		d.err = d.cmd.Wait()
		close(d.ended)
	}()
	return nil
}

// connect waits until the daemon answers.
func (d *Daemon) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		err := d.Connect(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-d.ended:
			return fmt.Errorf("the daemon ended: %w", d.exit())
		case <-ctx.Done():
			return fmt.Errorf("wait for the daemon to answer: %w", err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// PID returns the daemon's process.
func (d *Daemon) PID() int { return d.cmd.Process.Pid }

// Ended is closed when the process is gone, by Stop or by itself.
func (d *Daemon) Ended() <-chan struct{} { return d.ended }

// Stop ends the daemon as an operator does, with SIGTERM, and returns an error if it did not end well:
// it reports lost frames by its exit code. A daemon that does not end is killed.
func (d *Daemon) Stop() error {
	defer d.log.Close()
	d.Disconnect()
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop the daemon: %w", err)
	}
	select {
	case <-d.ended:
		return d.exit()
	case <-time.After(stopTimeout):
	}
	// What it hangs in is in its log then, of all threads with GOTRACEBACK=crash in its environment.
	d.cmd.Process.Signal(syscall.SIGQUIT)
	select {
	case <-d.ended:
	case <-time.After(quitTimeout):
	}
	err := d.cmd.Process.Kill()
	<-d.ended
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	return errors.Join(fmt.Errorf("the daemon did not end within %s of SIGTERM and was killed", stopTimeout), err)
}

// Kill ends the daemon at once, as a crash would.
func (d *Daemon) Kill() error {
	defer d.log.Close()
	d.Disconnect()
	err := d.cmd.Process.Kill()
	<-d.ended
	return err
}

// exit returns how the process ended, with the end of its log when not well.
func (d *Daemon) exit() error {
	<-d.ended
	if d.err == nil {
		return nil
	}
	return fmt.Errorf("%w; the end of its log:\n%s", d.err, d.LogTail(2000))
}

// LogTail returns the last n bytes of the log, from the start of a line.
func (d *Daemon) LogTail(n int) []byte {
	text, err := os.ReadFile(d.LogPath)
	if err != nil || len(text) <= n {
		return text
	}
	text = text[len(text)-n:]
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		text = text[i+1:]
	}
	return text
}

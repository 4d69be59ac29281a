package demo

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/culvertdev/culvert/bench/lab"
)

// A child is a process of the demo that is no daemon of Culvert's.
type child struct {
	name  string
	cmd   *exec.Cmd
	log   string        // path of what it printed
	ended chan struct{} // closed when the process is gone
	err   error         // how it ended; valid then
}

// startChild starts a program in a namespace. What it prints goes to a file in dir.
func startChild(in *lab.Namespace, dir, name, program string, args ...string) (*child, error) {
	c := &child{name: name, cmd: exec.Command(program, args...), log: filepath.Join(dir, name+".log"), ended: make(chan struct{})}
	log, err := os.Create(c.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	c.cmd.Dir, c.cmd.Stdout, c.cmd.Stderr = dir, log, log
	if err := in.Start(c.cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.ended)
	}()
	return c, nil
}

// alive returns an error when the process has ended, with the end of what it printed.
func (c *child) alive() error {
	select {
	case <-c.ended:
		text, _ := os.ReadFile(c.log)
		return fmt.Errorf("%s ended: %w\n%s", c.name, c.err, text[max(0, len(text)-2000):])
	default:
		return nil
	}
}

// stop ends the process with SIGTERM and returns an error if it did not end well, or was gone before.
func (c *child) stop() error {
	if err := c.alive(); err != nil {
		return err
	}
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", c.name, err)
	}
	select {
	case <-c.ended:
	case <-time.After(10 * time.Second):
		c.cmd.Process.Kill()
		<-c.ended
		return fmt.Errorf("%s did not end on SIGTERM and was killed", c.name)
	}
	// etcd cleans up and then lets the signal end it.
	if s := c.cmd.ProcessState.Sys().(syscall.WaitStatus); c.err != nil && !(s.Signaled() && s.Signal() == syscall.SIGTERM) {
		return fmt.Errorf("stop %s: %w", c.name, c.err)
	}
	return nil
}

package suite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// held are processes that can be stopped for a while, all at once, by SIGSTOP and SIGCONT (signal(7)). Children of this process that are
// stopped end with it, as those that run do: SIGKILL ends both. For others [guard] sees to that.
type held struct {
	list []*os.Process
}

// add adds a process by its number. 0 is none.
func (h *held) add(pid int) error {
	if pid == 0 {
		return nil
	}
	p, err := os.FindProcess(pid) // by a pidfd: no other process can take its place
	if err == nil {
		h.list = append(h.list, p)
	}
	return err
}

// stop stops them, and returns when not one of their threads runs.
func (h *held) stop(ctx context.Context) error {
	for _, p := range h.list {
		if err := p.Signal(syscall.SIGSTOP); err != nil {
			return fmt.Errorf("stop process %d: %w", p.Pid, err)
		}
	}
	for _, p := range h.list {
		if err := awaitStop(ctx, p.Pid); err != nil {
			return err
		}
	}
	return nil
}

// awaitStop waits until a process that was told to stop has done so.
func awaitStop(ctx context.Context, pid int) error {
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(200 * time.Microsecond) {
		switch still, err := standsStill(pid); {
		case err != nil || still:
			return err
		case ctx.Err() != nil || time.Now().After(end):
			return errors.Join(fmt.Errorf("process %d was told to stop, and has not", pid), ctx.Err())
		}
	}
}

// proceed has them go on. Those that run, or have ended, may be told so, too.
func (h *held) proceed() error {
	var errs []error
	for _, p := range h.list {
		if err := p.Signal(syscall.SIGCONT); err != nil && !errors.Is(err, os.ErrProcessDone) {
			errs = append(errs, fmt.Errorf("continue process %d: %w", p.Pid, err))
		}
	}
	return errors.Join(errs...)
}

// standsStill reports whether all threads of a process are stopped: the third field of proc_pid_stat(5). It is an error when it has ended.
func standsStill(pid int) (bool, error) {
	paths, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil {
		return false, err
	}
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			continue // the thread has ended
		}
		_, rest, _ := strings.Cut(string(text[strings.LastIndexByte(string(text), ')')+1:]), " ")
		switch {
		case strings.HasPrefix(rest, "Z") || strings.HasPrefix(rest, "X"):
			return false, fmt.Errorf("process %d has ended", pid)
		case !strings.HasPrefix(rest, "T"):
			return false, nil
		}
	}
	if len(paths) == 0 {
		return false, fmt.Errorf("process %d has ended", pid)
	}
	return true, nil
}

// guard has a process that is no child of this one go on when this process ends, whichever way, or when done is called: a shell waits until nobody
// has the other end of its standard input.
func guard(pid int) (done func() error, err error) {
	cmd := exec.Command("sh", "-c", `read -r end; kill -CONT "$0" || true`, strconv.Itoa(pid))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a terminal's Ctrl-C does not reach it
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() error { return errors.Join(in.Close(), cmd.Wait()) }, nil
}

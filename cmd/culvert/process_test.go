package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/culvertdev/culvert/control/api"
)

// asCulvert makes the test program behave as culvert itself.
const asCulvert = "CULVERT_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asCulvert) != "" {
		os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// A process is a daemon of its own.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	dir    string
	socket string
	mu     sync.Mutex
	log    bytes.Buffer
	exited chan struct{}
}

// Write takes what the daemon logs.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(b)
}

func (p *process) logged(text string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Contains(p.log.String(), text)
}

// configure writes the configuration file: one bridge with the given ports.
func (p *process) configure(ports string) {
	p.t.Helper()
	text := "control: {socket: " + p.socket + "}\nframes: {buffers: 4096, hugepages: never}\nbridges:\n- name: br0\n  ports: [" + ports + "]\n"
	if err := os.WriteFile(filepath.Join(p.dir, "c.yaml"), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// launch runs the daemon in dir and waits until it answers.
func launch(t *testing.T, dir string, environment ...string) *process {
	t.Helper()
	p := &process{t: t, dir: dir, socket: filepath.Join(dir, "s"), exited: make(chan struct{})}
	p.configure("{name: p1, type: memory}")
	p.start(environment, "run", "--config", filepath.Join(dir, "c.yaml"))
	return p
}

// start runs the daemon by a command line and waits until it answers.
func (p *process) start(environment []string, args ...string) {
	p.t.Helper()
	p.cmd = exec.Command(os.Args[0], args...)
	p.cmd.Env = append(append(os.Environ(), asCulvert+"=1"), environment...)
	p.cmd.Stderr = p
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // its code is in ProcessState
		close(p.exited)
	}()
	p.t.Cleanup(func() {
		p.signal(syscall.SIGKILL)
		<-p.exited
		if p.t.Failed() {
			p.t.Logf("the daemon's log:\n%s", p.log.String())
		}
	})
	p.eventually("the daemon answers", func() bool {
		select {
		case <-p.exited:
			p.t.Fatalf("the daemon ended: %s", p.log.String())
		default:
		}
		_, _, code := culvert(p.t, "", "--socket", p.socket, "show")
		return code == exitOK
	})
}

func (p *process) signal(s os.Signal) {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Error(err)
	}
}

// ends waits for the end of the process and returns its exit code.
func (p *process) ends() int {
	p.t.Helper()
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(30 * time.Second):
		p.t.Fatal("the daemon does not end")
		return -1
	}
}

func (p *process) eventually(what string, ok func() bool) {
	p.t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("%s: not within 30 s", what)
		}
	}
}

// ports returns the names of the daemon's ports.
func (p *process) ports() string {
	out, _, _ := culvert(p.t, "", "--socket", p.socket, "port", "list", "--json")
	var ports []api.Port
	if err := json.Unmarshal([]byte(out), &ports); err != nil {
		p.t.Fatal(err)
	}
	var names []string
	for _, port := range ports {
		names = append(names, port.Name)
	}
	return strings.Join(names, " ")
}

func TestTheDaemonEndsCleanlyOnASignal(t *testing.T) {
	for _, s := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(s.String(), func(t *testing.T) {
			p := launch(t, t.TempDir())
			p.signal(s)
			if code := p.ends(); code != exitOK || !p.logged("every frame is back") {
				t.Errorf("exit code %d, want 0 and every frame back", code)
			}
			if _, err := os.Lstat(p.socket); !os.IsNotExist(err) {
				t.Errorf("the socket is still there: %v", err)
			}
		})
	}
}

func TestADaemonThatWasKilledLeavesNothingInTheWay(t *testing.T) {
	dir := t.TempDir()
	p := launch(t, dir)
	p.signal(syscall.SIGKILL)
	p.ends()
	if _, err := os.Lstat(p.socket); err != nil {
		t.Fatalf("the dead daemon's socket: %v, want it to be there", err)
	}
	if _, _, code := culvert(t, "", "--socket", p.socket, "show"); code != exitUnreachable {
		t.Errorf("asking a dead daemon: exit code %d, want %d", code, exitUnreachable)
	}
	launch(t, dir)
}

func TestASecondDaemonSaysWhyItCannotRun(t *testing.T) {
	p := launch(t, t.TempDir())
	second := exec.Command(os.Args[0], "run", "--config", filepath.Join(p.dir, "c.yaml"))
	second.Env = append(os.Environ(), asCulvert+"=1")
	out, err := second.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitFailed || !strings.Contains(string(out), p.socket+": a running daemon answers on it") {
		t.Errorf("got %v:\n%s", err, out)
	}
	if got := p.ports(); got != "p1" {
		t.Errorf("the first one has ports %q, want p1", got)
	}
}

func TestRunAnswersOnTheSocketOfTheCommandLine(t *testing.T) {
	first := launch(t, t.TempDir())
	p := &process{t: t, dir: first.dir, socket: filepath.Join(first.dir, "other"), exited: make(chan struct{})}
	p.start(nil, "run", "--config", filepath.Join(first.dir, "c.yaml"), "--socket", p.socket)
	if got := p.ports(); got != "p1" {
		t.Errorf("the daemon beside the first has ports %q, want p1", got)
	}
	out, _, _ := culvert(t, "", "--socket", p.socket, "config", "apply", filepath.Join(first.dir, "c.yaml"))
	if want := "rules added: 0, removed: 0\n"; out != want {
		t.Errorf("applying its own configuration again: %q, want %q: nothing waits for a restart", out, want)
	}
}

func TestHangupReadsTheConfigurationAgain(t *testing.T) {
	p := launch(t, t.TempDir())
	p.configure("{name: p1, type: memory}, {name: p2, type: memory}")
	p.signal(syscall.SIGHUP)
	p.eventually("the new port is there", func() bool { return p.ports() == "p1 p2" })
	p.configure("{name: p3, type: memory, bogus: 1}")
	p.signal(syscall.SIGHUP)
	p.eventually("the error is logged", func() bool { return p.logged("unknown key") })
	if got := p.ports(); got != "p1 p2" {
		t.Errorf("after a configuration with an error: ports %q, want p1 p2", got)
	}
	t.Run("and config apply does it with another file", func(t *testing.T) {
		p.configure("{name: p2, type: memory}")
		out, errs, code := culvert(t, "", "--socket", p.socket, "config", "apply", filepath.Join(p.dir, "c.yaml"))
		if want := "ports removed: p1\nrules added: 0, removed: 0\n"; code != exitOK || out != want {
			t.Errorf("got %q, %q, exit code %d; want %q", out, errs, code, want)
		}
	})
	p.signal(syscall.SIGTERM)
	if code := p.ends(); code != exitOK {
		t.Errorf("exit code %d, want 0", code)
	}
}

func TestTheServiceManagerIsTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	p := launch(t, t.TempDir(), "NOTIFY_SOCKET="+path)
	p.signal(syscall.SIGTERM)
	p.ends()
	for _, want := range []string{"READY=1", "STOPPING=1"} {
		manager.SetReadDeadline(time.Now().Add(10 * time.Second))
		b := make([]byte, 64)
		n, err := manager.Read(b)
		if err != nil || string(b[:n]) != want {
			t.Errorf("got %q, %v; want %q", b[:n], err, want)
		}
	}
}

package testpmd

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strings"

	"github.com/culvertdev/culvert/bench/console"
)

// Options say how testpmd runs.
type Options struct {
	// Name tells its files in /var/run from those of other programs with DPDK; it must be a file name.
	Name  string
	Ports []Port
	// Mode is what it does with packets: flowgen, io, mac, macswap, rxonly, txonly, icmpecho (testpmd user guide).
	Mode string
	// CPU is where packets are handled, Main where commands are.
	CPU, Main int
	Memory    int  // MiB; 0 means 512
	NoHuge    bool // ordinary memory, slower
	Queues    int  // pairs of each port in use; 0 means 1
	RingSize  int  // of the driver; 0 means 1024
	Flows     int  // of flowgen; 0 means 1024
	Length    int  // bytes of a packet of flowgen, with the frame check sequence that it does not have here; 0 means 64
	Buffers   int  // for packets, 2.3 kB each; 0: as many as testpmd thinks right for a machine with many ports
	Cycles    bool // count them, for CyclesPerPacket
	Extra     []string
	// Spawn starts the command, in another network namespace perhaps; nil: (*exec.Cmd).Start.
	Spawn func(*exec.Cmd) error
}

// prompt is what testpmd says when it waits for a command.
const prompt = "testpmd> "

// events are told by a thread of their own, at times in the middle of the prompt, which testpmd writes letter by letter.
var events = regexp.MustCompile(`\nPort [0-9]+: [^\n]* event\n`)

// A Testpmd is a running one. Stop or Kill ends it.
//
// Thread-safety: one goroutine at a time.
type Testpmd struct {
	*console.Console
	version string
}

// Start starts testpmd and waits for its prompt, which for a [Guest] that is no client comes when the switch
// has connected. Forwarding has not begun.
func Start(ctx context.Context, o Options) (*Testpmd, error) {
	// Its output is for a terminal; for a pipe libc would keep it back.
	c, err := console.Start(exec.Command("stdbuf", append([]string{"-oL", "dpdk-testpmd"}, o.args()...)...), o.Spawn)
	if err != nil {
		return nil, err
	}
	c.Ignore(events)
	if _, err := c.Expect(ctx, prompt); err != nil {
		_ = c.Kill() // what matters has been said
		return nil, fmt.Errorf("start testpmd: %w", err)
	}
	_, version, _ := strings.Cut(c.Tail(1<<20), "RTE Version: '") // among the errors
	version, _, _ = strings.Cut(version, "'")
	return &Testpmd{c, version}, nil
}

// Version returns the version of its DPDK, such as "DPDK 22.11.11".
func (t *Testpmd) Version() string { return t.version }

func (o Options) args() []string {
	args := []string{
		// Two threads: the first, where commands are, forwards nothing.
		"--lcores", fmt.Sprintf("0@%d,1@%d", o.Main, o.CPU),
		"-v", "-m", fmt.Sprint(or(o.Memory, 512)), "--no-pci", "--file-prefix=" + o.Name,
	}
	// Memory without names: nothing is left when it is killed.
	if o.NoHuge {
		args = append(args, "--no-huge", "--no-shconf")
	} else {
		// Not a file for each page: the backend of a guest is passed a few at most.
		args = append(args, "--in-memory", "--single-file-segments")
	}
	for i, p := range o.Ports {
		args = append(args, "--vdev="+p.device(i))
	}
	n := or(o.Queues, 1)
	ring := or(o.RingSize, 1024)
	args = append(args, "--", "-i", "--no-mlockall", "--forward-mode="+o.Mode,
		fmt.Sprintf("--rxq=%d", n), fmt.Sprintf("--txq=%d", n), fmt.Sprintf("--rxd=%d", ring), fmt.Sprintf("--txd=%d", ring))
	if o.Flows > 0 {
		args = append(args, fmt.Sprintf("--flowgen-flows=%d", o.Flows))
	}
	if o.Length > 0 {
		args = append(args, fmt.Sprintf("--txpkts=%d", o.Length))
	}
	if o.Buffers > 0 {
		args = append(args, fmt.Sprintf("--total-num-mbufs=%d", o.Buffers))
	}
	if o.Cycles {
		args = append(args, "--record-core-cycles")
	}
	return append(args, o.Extra...)
}

func or(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

// Run runs a command, such as "show config fwd", and returns what it printed.
func (t *Testpmd) Run(ctx context.Context, command string) (string, error) {
	if err := t.Say(command); err != nil {
		return "", err
	}
	out, err := t.Expect(ctx, prompt)
	if err == nil && (strings.Contains(out, "Bad arguments") || strings.Contains(out, "Command not found")) {
		err = fmt.Errorf("testpmd: %s: %s", command, strings.TrimSpace(out))
	}
	return out, err
}

// Forward begins to forward or generate.
func (t *Testpmd) Forward(ctx context.Context) error {
	_, err := t.Run(ctx, "start")
	return err
}

// Halt ends that; Forward begins anew.
func (t *Testpmd) Halt(ctx context.Context) error {
	_, err := t.Run(ctx, "stop")
	return err
}

// Stop ends testpmd as an operator does.
func (t *Testpmd) Stop() error { return t.Console.Stop("quit") }

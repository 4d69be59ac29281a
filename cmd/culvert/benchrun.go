package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/culvertdev/culvert/bench/patch"
	"github.com/culvertdev/culvert/bench/report"
	"github.com/culvertdev/culvert/bench/result"
	"github.com/culvertdev/culvert/bench/suite"
	"github.com/culvertdev/culvert/bench/switches"
)

type benchRunCmd struct {
	Rows    []string      `help:"Rows to measure, by their IDs, such as port or ip-*; all when none are given, but for those that take long. --plan lists them." placeholder:"ID"`
	Quick   bool          `help:"Two rows, port and ip-1024, in under 5 minutes."`
	Plan    bool          `help:"Say what would be measured and how long that takes, and measure nothing."`
	Out     string        `help:"Folder where the run is kept, as run.json and run.html; none keeps nothing." placeholder:"DIR"`
	Resume  bool          `help:"Go on with the run that the folder has."`
	Only    []string      `help:"Switches that take part: culvert, ovs, testpmd, ovs-afxdp, linux-bridge, culvert-ports, or one of your own; with culvert and culvert-ports comes the build of --other." placeholder:"NAME"`
	Own     []string      `sep:"none" help:"A switch of your own that runs: NAME,a=END,b=END and perhaps ,pid=N and ,rules=COMMAND, which reads rules. An END is a socket that it connects to, or afxdp:DEVICE or afpacket:DEVICE with @NAMESPACE behind it: the other end of its interface." placeholder:"SWITCH"`
	Rings   []string      `help:"Layouts of vhost-user rings: split, packed." default:"split" placeholder:"LAYOUT"`
	Sizes   []int         `help:"Bytes of a frame, with the frame check sequence, which it does not have here: 64 to 1518, up to 9018 in rows driven by our own generator at its rates, such as throughput." default:"64" placeholder:"N"`
	Rounds  int           `help:"How often each switch is started for a row, at most; for a row that searches twice, unless --rows asks for rows." default:"4"`
	Turns   int           `help:"Windows of a switch in each round of a row whose switches run beside each other, stopped but for their turns; 0: a fresh switch for each window of every row." default:"6"`
	Turn    time.Duration `help:"How long each of these windows is." default:"250ms" placeholder:"TIME"`
	Settle  time.Duration `help:"How long traffic passes before each of these windows, but for the first." default:"120ms" placeholder:"TIME"`
	Budget  time.Duration `help:"How long it may take: no row is begun that would end later; 0 is for ever. With --quick 4m10s." default:"55m" placeholder:"TIME"`
	Warm    time.Duration `help:"How long traffic passes before each window of a fresh switch, and before the first one in turns." default:"2s" placeholder:"TIME"`
	Window  time.Duration `help:"How long each window of a fresh switch is." default:"2s" placeholder:"TIME"`
	Wait    time.Duration `help:"How long to wait before each window of a fresh switch, and each round in turns, until others leave the CPUs alone; 0 takes every window as it is." default:"20s" placeholder:"TIME"`
	Culvert string        `help:"The program culvert to measure, which is the generator's, too; this one when not given." placeholder:"FILE"`
	Other   string        `help:"Another build of culvert, which is measured beside it as culvert-other: before and after a change." placeholder:"FILE"`
	Ports   string        `help:"Options of Culvert's ports, such as 'gather: 0s'." placeholder:"OPTIONS"`
	Config  string        `help:"More lines of Culvert's configuration." placeholder:"LINES"`
	Rate    int           `help:"Single frames a second in the row about latency." default:"10000"`
	Testpmd bool          `help:"Have testpmd's flowgen send in rows both ways, as fast as it goes, in place of our own guests, which cost the switch's neighbour less."`
	Buffers int           `help:"Frame buffers of testpmd as generator; 0: its many, which keep its caches cold." default:"6144"`
	Nice    int           `help:"Nice value that all processes of every switch are started with, alike: -20 to 0, as --nice=-10. The generator keeps that of this command." default:"0" placeholder:"N"`
	Perf    bool          `help:"Say for each window where the switch's time goes, by perf, of programs with symbols: go build's, not make's."`
}

// quickBudget leaves of five minutes what a window takes that has begun, and for which others have to be waited.
const quickBudget = 4*time.Minute + 10*time.Second

// Files of a run's folder.
const (
	runFile  = "run.json"
	pageFile = "run.html"
)

func (c *benchRunCmd) Run(e *env) error {
	if e.json {
		return usageError{errors.New("bench run keeps what it finds as JSON in the folder --out")}
	}
	o, err := c.options(e)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(e.ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	run, err := suite.Run(ctx, o)
	if run == nil || len(run.Rows) == 0 {
		return err
	}
	return errors.Join(report.Text(e.out, run), c.page(e, run), err)
}

// options returns what the flags say, and makes the folder.
func (c *benchRunCmd) options(e *env) (*suite.Options, error) {
	o := &suite.Options{
		Culvert: c.Culvert, Other: c.Other, Ports: c.Ports, Config: c.Config, Only: c.Only, Rows: c.Rows, Rings: c.Rings, Sizes: c.Sizes, Rounds: c.Rounds, Budget: c.Budget,
		Warm: c.Warm, Window: c.Window, Turns: c.Turns, Turn: c.Turn, Settle: c.Settle, Patience: c.Wait, Rate: c.Rate, Testpmd: c.Testpmd, Buffers: c.Buffers, Nice: c.Nice, Perf: c.Perf, Plan: c.Plan, Out: e.out,
		Commands: []string{result.CommandLine("culvert", os.Args[1:])},
	}
	if c.Quick {
		o.Rows, o.Budget = []string{"port", "ip-1024"}, min(c.Budget, quickBudget)
	}
	if o.Culvert == "" {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		o.Culvert = self
	}
	if c.Rounds < 1 || c.Rate < 1 || min(c.Window, c.Warm, c.Turn, c.Settle) <= 0 || c.Turns < 0 {
		return nil, usageError{errors.New("--rounds, --rate, --warm, --window, --turn and --settle want to be above 0, --turns not below")}
	}
	if c.Nice < -20 || c.Nice > 0 {
		return nil, usageError{fmt.Errorf("--nice %d: want -20 to 0", c.Nice)}
	}
	for _, text := range c.Own {
		own, err := switches.ParseOwn(text)
		if err != nil {
			return nil, usageError{fmt.Errorf("--own %w", err)}
		}
		o.Own = append(o.Own, own)
	}
	if c.Out == "" || c.Plan {
		return o, nil
	}
	o.File = filepath.Join(c.Out, runFile)
	if _, err := os.Stat(o.File); err == nil && !c.Resume {
		return nil, usageError{fmt.Errorf("%s is there already: --resume goes on with it", o.File)}
	}
	return o, os.MkdirAll(c.Out, 0o755)
}

// page writes the report.
func (c *benchRunCmd) page(e *env, run *result.Run) error {
	if c.Out == "" {
		return nil
	}
	var page bytes.Buffer
	if err := report.HTML(&page, run); err != nil {
		return err
	}
	path := filepath.Join(c.Out, pageFile)
	fmt.Fprintf(e.out, "\n%s has all windows, %s shows them\n", filepath.Join(c.Out, runFile), path)
	return os.WriteFile(path, page.Bytes(), 0o644)
}

// benchPatchCmd is a contender of bench run.
type benchPatchCmd struct {
	A, B    string `arg:"" help:"Sockets of two guests."`
	CPU     int    `name:"cpu" help:"CPU of the worker." default:"1"`
	RestCPU int    `name:"rest-cpu" help:"CPU of all else." default:"0"`
}

func (c *benchPatchCmd) Run(e *env) error {
	ctx, stop := signal.NotifyContext(e.ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	return patch.Run(ctx, patch.Options{Sockets: [2]string{c.A, c.B}, CPU: c.CPU, Rest: c.RestCPU, Ask: e.in, Answer: e.out})
}

package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/culvertdev/culvert/bench/compare"
	"github.com/culvertdev/culvert/bench/report"
	"github.com/culvertdev/culvert/bench/result"
)

type benchReportCmd struct {
	File string `arg:"" name:"run" help:"File of a run, as the programs of the bench keep it with --json." placeholder:"RUN.json"`
	HTML string `name:"html" help:"File to write the report to, with its plots: one page that needs nothing else." placeholder:"FILE"`
}

func (c *benchReportCmd) Run(e *env) error {
	run, err := result.Load(c.File)
	if err != nil {
		return err
	}
	if c.HTML != "" {
		var page bytes.Buffer
		if err := report.HTML(&page, run); err != nil {
			return err
		}
		return os.WriteFile(c.HTML, page.Bytes(), 0o644)
	}
	if e.json {
		return e.print(report.Summaries(run), nil)
	}
	return report.Text(e.out, run)
}

type benchCompareCmd struct {
	Old        string `arg:"" help:"File of the earlier run." placeholder:"OLD.json"`
	New        string `arg:"" help:"File of the later run." placeholder:"NEW.json"`
	Tolerance  share  `help:"Share of a figure that may be lost, such as 5%." default:"5%" placeholder:"SHARE"`
	Contender  string `help:"Switch whose losses count; the others say whether the machine is what it was." default:"culvert" placeholder:"NAME"`
	AnyMachine bool   `help:"Compare even runs of different machines."`
}

func (c *benchCompareCmd) Run(e *env) error {
	before, err := result.Load(c.Old)
	if err != nil {
		return err
	}
	after, err := result.Load(c.New)
	if err != nil {
		return err
	}
	r, err := compare.Runs(before, after, compare.Options{Tolerance: float64(c.Tolerance), Contender: c.Contender, AnyMachine: c.AnyMachine})
	if err != nil {
		return err
	}
	if e.json {
		err = e.print(r, nil)
	} else {
		err = r.Text(e.out)
	}
	if err != nil {
		return err
	}
	return r.Err()
}

// A share is written in per cent, or as a number from 0 to 1.
type share float64

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *share) UnmarshalText(text []byte) error {
	number, percent := strings.CutSuffix(string(text), "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if percent {
		v /= 100
	}
	if err != nil || !(v >= 0 && v <= 1) {
		return fmt.Errorf("%q: want a share such as 5%% or 0.05", text)
	}
	*s = share(v)
	return nil
}

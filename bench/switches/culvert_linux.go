package switches

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"

	"github.com/culvertdev/culvert/bench/daemon"
	"github.com/culvertdev/culvert/control/api"
)

// Culvert is ours, as a user starts it.
type Culvert struct {
	Binary string // path
	Ports  string // options of its ports, as in YAML, such as "gather: 0s"
	Config string // more lines of configuration
	Other  bool   // it is another build than the one that is measured
}

// Name has another ending for another build.
func (c *Culvert) Name() string { return "culvert" + c.ending() }

func (c *Culvert) ending() string {
	if c.Other {
		return other
	}
	return ""
}

// other is how names of another build's switches end.
const other = "-other"

func (c *Culvert) Missing() error {
	_, err := os.Stat(c.Binary)
	return err
}

type runningCulvert struct {
	*daemon.Daemon
	options daemon.Options
	build   api.Version
	config  []string
	rules   []string
	before  daemon.Tally
}

func (c *Culvert) Start(ctx context.Context, s Scene) (Running, error) {
	r := &runningCulvert{config: []string{countCollections}, options: daemon.Options{Spawn: s.start, Binary: c.Binary, Dir: s.Dir, Config: c.text(s), Env: []string{countCollections}}}
	for _, text := range []string{strings.TrimSuffix(longer(s), ", "), c.Ports, c.Config, exactOff(s), inline(s)} {
		if text != "" {
			r.config = append(r.config, oneLine(text))
		}
	}
	return r, r.start(ctx)
}

// oneLine makes a line of several.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' }), "; ")
}

func (r *runningCulvert) start(ctx context.Context) (err error) {
	if r.Daemon, err = daemon.Start(ctx, r.options); err != nil {
		return err
	}
	if r.build, err = api.Call(ctx, r.Client(), api.GetVersion, api.Nothing{}); err == nil {
		_, err = r.WaitOpenDown(ctx)
	}
	if err != nil {
		return errors.Join(err, r.Stop())
	}
	return nil
}

// countCollections has the runtime write a line to the log for each collection of garbage, of which there are few.
const countCollections = "GODEBUG=gctrace=1"

// Collections returns how often the daemon has collected its garbage since it started.
func (r *runningCulvert) Collections() (int, error) {
	text, err := os.ReadFile(r.LogPath)
	return bytes.Count(text, []byte("\ngc ")) + bytes.Count(text[:min(3, len(text))], []byte("gc ")), err
}

func (r *runningCulvert) Version() string  { return r.build.Version }
func (r *runningCulvert) Config() []string { return r.config }

func (r *runningCulvert) Forward(ctx context.Context, rules []string) error {
	r.rules = rules
	_, err := api.Call(ctx, r.Client(), api.FlowReplace, api.FlowText{Bridge: bridge, Lines: rules})
	return err
}

func (r *runningCulvert) Restart(ctx context.Context) error { return r.again(ctx, r.Stop) }

func (r *runningCulvert) Reset(ctx context.Context) error { return r.again(ctx, r.Kill) }

func (r *runningCulvert) again(ctx context.Context, end func() error) error {
	if err := errors.Join(end(), r.start(ctx)); err != nil {
		return err
	}
	return r.Forward(ctx, r.rules)
}

package switches

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// Own is a switch that the user starts, stops and configures himself, and whose ports connect to two sockets that the bench listens at.
type Own struct {
	Called  string
	Sockets [2]string // paths
	Process int       // 0: not known, and what it takes of its CPU neither
	// Rules is a command for sh(1) that gives the switch the rules on its standard input, in the syntax of ovs-ofctl(8); without one
	// the switch is held to forward from each port to the other.
	Rules string
}

// ParseOwn reads what says that a user has a switch: NAME,a=PATH,b=PATH and, perhaps, pid=NUMBER and, at the end, rules=COMMAND.
func ParseOwn(text string) (o Own, err error) {
	text, o.Rules, _ = strings.Cut(text, ",rules=")
	name, rest, _ := strings.Cut(text, ",")
	o.Called = name
	for part := range strings.SplitSeq(rest, ",") {
		key, value, _ := strings.Cut(part, "=")
		switch key {
		case "a":
			o.Sockets[0] = value
		case "b":
			o.Sockets[1] = value
		case "pid":
			if o.Process, err = strconv.Atoi(value); err != nil || o.Process < 1 {
				return o, fmt.Errorf("pid %q: want the number of a process", value)
			}
		default:
			return o, fmt.Errorf("%q: want a=PATH, b=PATH, pid=NUMBER or rules=COMMAND", part)
		}
	}
	if o.Called == "" || o.Sockets[0] == "" || o.Sockets[1] == "" || o.Sockets[0] == o.Sockets[1] {
		return o, fmt.Errorf("%q: want a name and two sockets: NAME,a=PATH,b=PATH", text)
	}
	return o, nil
}

func (o Own) Name() string { return o.Called }
func (Own) Missing() error { return nil }

// Start finds it started. The scene's ports are its sockets: see [Own.Sockets].
func (o Own) Start(context.Context, Scene) (Running, error) { return runningOwn{o}, nil }

// A runningOwn can say, like an Own, whether it takes rules.
type runningOwn struct{ Own }

func (runningOwn) Version() string    { return "(the user's own)" }
func (r runningOwn) Config() []string { return nil }
func (r runningOwn) PID() int         { return r.Process }

// TakesRules reports whether it can be told any.
func (o Own) TakesRules() bool { return o.Rules != "" }

func (r runningOwn) Forward(ctx context.Context, rules []string) error {
	if !r.TakesRules() {
		return nil
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", r.Rules)
	cmd.Stdin = strings.NewReader(strings.Join(rules, "\n") + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", r.Rules, err, out)
	}
	return nil
}

func (runningOwn) Clear(context.Context) error { return nil }
func (runningOwn) Account(context.Context) (Account, error) {
	return Account{Text: "it is not asked"}, nil
}
func (runningOwn) Stop() error { return nil }

func (runningOwn) Restart(context.Context) error {
	return errors.New("the user's own switch is his to restart")
}

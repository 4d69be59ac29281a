package switches

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// Own is a switch that the user starts, stops and configures himself. Its ports connect to two sockets that the bench listens at, or have
// two interfaces at their other ends, by which the bench sends and receives.
type Own struct {
	Called  string
	Ports   [2]Port // with a Socket each, or a Peer each
	Process int     // 0: not known, and what it takes of its CPU neither
	// Rules is a command for sh(1) that gives the switch the rules on its standard input, in the syntax of ovs-ofctl(8); without one
	// the switch is held to forward from each port to the other.
	Rules string
}

// ParseOwn reads what says that a user has a switch: NAME,a=END,b=END and, perhaps, pid=NUMBER and, at the end, rules=COMMAND. An END is
// the path of a socket, or afxdp:DEVICE or afpacket:DEVICE, with @NAMESPACE behind it where the device is in another network namespace: a
// name as ip-netns(8) has them, or a path.
func ParseOwn(text string) (o Own, err error) {
	text, o.Rules, _ = strings.Cut(text, ",rules=")
	name, rest, _ := strings.Cut(text, ",")
	o.Called = name
	for part := range strings.SplitSeq(rest, ",") {
		key, value, _ := strings.Cut(part, "=")
		switch key {
		case "a", "b":
			o.Ports[key[0]-'a'], err = parseEnd(value)
		case "pid":
			if o.Process, err = strconv.Atoi(value); err != nil || o.Process < 1 {
				err = fmt.Errorf("pid %q: want the number of a process", value)
			}
		default:
			err = fmt.Errorf("%q: want a=END, b=END, pid=NUMBER or rules=COMMAND", part)
		}
		if err != nil {
			return o, err
		}
	}
	a, b := o.Ports[0], o.Ports[1]
	if o.Called == "" || a == b || a == (Port{}) || b == (Port{}) {
		return o, fmt.Errorf("%q: want a name and two ends: NAME,a=END,b=END", text)
	}
	if (a.Socket == "") != (b.Socket == "") {
		return o, fmt.Errorf("%q: want two sockets or two interfaces", text)
	}
	return o, nil
}

// parseEnd reads where a port of the user's own switch ends.
func parseEnd(text string) (p Port, err error) {
	kind, rest, ok := strings.Cut(text, ":")
	if !ok || kind != "afxdp" && kind != "afpacket" {
		return Port{Socket: text}, nil
	}
	device, space, _ := strings.Cut(rest, "@")
	if device == "" {
		return p, fmt.Errorf("%q: want a device, such as %s:eth0", text, kind)
	}
	if space != "" && !strings.Contains(space, "/") {
		space = "/run/netns/" + space
	}
	p.Peer = Interface{Type: kind, Device: device, Namespace: space}
	return p, nil
}

// ByInterfaces reports whether it is reached by two interfaces, and not by sockets.
func (o Own) ByInterfaces() bool { return o.Ports[0].Peer != (Interface{}) }

func (o Own) Name() string { return o.Called }
func (Own) Missing() error { return nil }

// Start finds it started. The scene's ports are [Own.Ports].
func (o Own) Start(context.Context, Scene) (Running, error) { return runningOwn{o}, nil }

// A runningOwn can say, like an Own, whether it takes rules.
type runningOwn struct{ Own }

func (runningOwn) Version() string { return "(the user's own)" }
func (r runningOwn) PID() int      { return r.Process }

// Config says by what it is reached, where that is not the row's affair. Names of namespaces are the machine's.
func (r runningOwn) Config() (list []string) {
	for i, p := range r.Ports {
		if p.Peer.Type != "" {
			list = append(list, fmt.Sprintf("port %d: reached by %s on %s", i+1, p.Peer.Type, p.Peer.Device))
		}
	}
	return list
}

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

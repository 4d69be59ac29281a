package demo

import (
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/culvertdev/culvert/bench/daemon"
	"github.com/culvertdev/culvert/bench/story"
	"github.com/culvertdev/culvert/bench/traffic"
)

// A network is three hosts with Culvert between them: over the kernel or in memory. What the two have
// in common is told by the chapters.
type network interface {
	// build makes the network; close takes it down and looks whether anything is left, telling about
	// it when told. close is called after build in any case.
	build(ctx context.Context, s *story.Story, o Options) error
	close(s *story.Story, tell bool) error
	control() *daemon.Control
	// ping sends echo requests from host i to host j.
	ping(ctx context.Context, i, j int, p traffic.Ping) (traffic.Echoes, error)
	// speed is the chapter in which the network shows what it carries.
	speed(ctx context.Context, s *story.Story, o Options) error
	// counted returns what host i itself has counted as sent to and received from the switch.
	counted(i int) (sent, received uint64, err error)
}

// A person is one of the hosts as the story names it.
type person struct {
	name, port string
	mac        net.HardwareAddr
}

// people returns the hosts. Their addresses are those package lab gives.
func people() []person {
	var all []person
	for i, name := range [...]string{"alice", "bob", "carol"} {
		all = append(all, person{name, fmt.Sprintf("p%d", i+1), net.HardwareAddr{2, 0x77, 0, 0, 0, byte(i + 1)}})
	}
	return all
}

const bridge = "br0"

// configuration returns the configuration of the daemon but for its control socket, with ports of one
// type.
func configuration(kind string) string {
	var b strings.Builder
	b.WriteString("bridges:\n  - name: " + bridge + "        # without rules it is a learning switch\n    ports:\n")
	for _, p := range people() {
		fmt.Fprintf(&b, "      - {name: %s, type: %s}   # %s\n", p.port, kind, p.name)
	}
	return b.String()
}

// showCommand runs a command of the command line and shows what it printed.
func showCommand(ctx context.Context, s *story.Story, c *daemon.Control, args ...string) error {
	out, err := c.Command(ctx, args...)
	if err != nil {
		return err
	}
	s.Show(commandLine("culvert", args), out)
	return nil
}

// commandLine writes a command as it would be typed.
func commandLine(program string, args []string) string {
	line := program
	for _, a := range args {
		if strings.ContainsAny(a, " ,=*") {
			a = `"` + a + `"`
		}
		line += " " + a
	}
	return line
}

// orErr returns ": err", or text when there is none.
func orErr(err error, text string) string {
	if err != nil {
		return ": " + err.Error()
	}
	return text
}

// group writes a number with commas between its thousands.
func group(n uint64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

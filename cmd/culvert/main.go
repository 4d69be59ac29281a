// Command culvert is the switch: the daemon that forwards packets, and the command line that shows and
// changes what it does.
//
// `culvert run` is the daemon. Every other command that concerns a running switch is a client: it asks
// the daemon over its control socket and prints the answer, for people or, with --json, for programs.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/culvertdev/culvert/control/api"
)

// version is set by the linker: see Makefile.
var version = "devel"

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run carries out one command line and returns the exit code.
func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	var c cli
	exited, code := false, exitOK
	parser, err := kong.New(&c,
		kong.Name("culvert"),
		kong.Description(description),
		kong.Writers(out, errs),
		// --help prints and asks to exit; what else the line says no longer matters then.
		kong.Exit(func(n int) { exited, code = true, n }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.Help(printHelp),
		kong.ExplicitGroups(groups()),
		kong.Vars{"socket": defaultSocket, "types": strings.Join(portTypes(), ", ")},
	)
	if err != nil {
		panic("culvert: the command line is declared wrong: " + err.Error())
	}
	args = ovsSpelling(args)
	command, err := parser.Parse(args)
	if exited {
		return code
	}
	e := &env{ctx: ctx, in: in, out: out, errs: errs, json: c.JSON, socket: c.Socket, build: buildVersion()}
	if err != nil {
		e.json = slices.Contains(args, "--json") // what the parser has read of a wrong line is not set
		if wrong := new(kong.ParseError); errors.As(err, &wrong) {
			command = wrong.Context
		}
	}
	e.compares = command != nil && command.Selected() != nil && command.Selected().Name == "diff"
	if err != nil {
		return e.fail(usageError{err})
	}
	return e.fail(command.Run(e))
}

// env is what commands work with.
type env struct {
	ctx       context.Context
	in        io.Reader
	out, errs io.Writer
	json      bool   // answer for programs
	compares  bool   // the command is flow diff, which has exit codes of its own
	socket    string // as the command line says, "" if it does not
	build     api.Version
}

func buildVersion() api.Version {
	v := api.Version{Version: version, Go: runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				v.Revision = s.Value
			}
		}
	}
	return v
}

package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/culvertdev/culvert/bench/compare"
	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/control/config"
	"github.com/culvertdev/culvert/control/daemon"
)

// Exit codes; the help text explains them.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitDiffer      = 2 // of flow diff, as ovs-ofctl has it; there a command line that is wrong is exitFailed
	exitConfig      = 3
	exitUnreachable = 4
	exitLeaked      = 5
	exitLied        = 6
	exitLoss        = 7
	exitDisturbed   = 8
)

// errDiffer ends a comparison that has found differences.
var errDiffer = errors.New("there are differences")

// usageError is a command line that does not make sense.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

// fail reports err, if there is one, and returns the exit code.
func (e *env) fail(err error) int {
	if err == nil {
		return exitOK
	}
	if errors.Is(err, errDiffer) {
		return exitDiffer // what there is to say stands in the answer
	}
	code := exitCode(err)
	switch {
	case e.json:
		e.failJSON(err)
	case code == exitUsage:
		fmt.Fprintf(e.errs, "culvert: %v\nculvert --help says what there is.\n", err)
	case code == exitConfig:
		fmt.Fprintln(e.errs, err) // one mistake a line, each starts with its file
	default:
		fmt.Fprintf(e.errs, "culvert: %v\n", err)
	}
	if e.compares && code == exitUsage {
		return exitFailed
	}
	return code
}

// failJSON prints an error the way the daemon sends it. Two codes are the command line's own: usage and
// unreachable.
func (e *env) failJSON(err error) {
	var sent *api.Error
	var wrong config.Errors
	switch code := exitCode(err); {
	case errors.As(err, &sent):
	case errors.As(err, &wrong):
		sent = daemon.ConfigError(wrong)
	case code == exitUsage:
		sent = api.Errorf("usage", "%v", err)
	case code == exitUnreachable:
		sent = api.Errorf("unreachable", "%v", err)
	default:
		sent = api.Errorf(api.Failed, "%v", err)
	}
	enc := json.NewEncoder(e.errs)
	enc.SetIndent("", "  ")
	_ = enc.Encode(sent) // nothing is left to tell when standard error fails
}

func exitCode(err error) int {
	var sent *api.Error
	switch {
	case errors.As(err, new(usageError)):
		return exitUsage
	case errors.As(err, new(config.Errors)):
		return exitConfig
	case errors.Is(err, api.ErrUnreachable):
		return exitUnreachable
	case errors.Is(err, daemon.ErrLeaked):
		return exitLeaked
	case errors.Is(err, errLied):
		return exitLied
	case errors.Is(err, compare.ErrLoss):
		return exitLoss
	case errors.Is(err, compare.ErrDisturbed):
		return exitDisturbed
	case errors.As(err, &sent) && sent.Code == api.BadConfig:
		return exitConfig
	}
	return exitFailed
}

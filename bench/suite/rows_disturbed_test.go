package suite

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/culvertdev/culvert/bench/switches"
)

// A noted switch notes what it is told.
type noted struct {
	switches.Running // nothing else is asked of it
	told             []string
	err              error
}

func (n *noted) note(what string) error {
	n.told = append(n.told, what)
	return n.err
}

func (n *noted) Restart(context.Context) error { return n.note("restart") }
func (n *noted) Clear(context.Context) error   { return n.note("clear") }

// A resetting switch can be reset.
type resetting struct{ noted }

func (r *resetting) Reset(context.Context) error { return r.note("reset") }

func TestASwitchThatStartsAgainCountsFrom0(t *testing.T) {
	r := &resetting{}
	s := &Stand{Switch: r}
	must(t, s.again(reset)(t.Context()))
	must(t, s.again(func(ctx context.Context, s switches.Running) error { return s.Restart(ctx) })(t.Context()))
	if want := []string{"reset", "clear", "restart", "clear"}; !slices.Equal(r.told, want) {
		t.Errorf("it was told %q, want %q", r.told, want)
	}
}

func TestASwitchThatDoesNotComeBackIsAnError(t *testing.T) {
	boom := errors.New("boom")
	r := &resetting{noted{err: boom}}
	if err := (&Stand{Switch: r}).again(reset)(t.Context()); !errors.Is(err, boom) || !slices.Equal(r.told, []string{"reset"}) {
		t.Errorf("got %v, told %q", err, r.told)
	}
	n := &noted{}
	if err := (&Stand{Switch: n}).again(reset)(t.Context()); err == nil || len(n.told) != 0 {
		t.Errorf("one that cannot be reset: %v, told %q", err, n.told)
	}
}

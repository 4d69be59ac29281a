package datapath_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// A stuckLog is one whose reader has stopped: warnings wait until it goes on.
type stuckLog struct {
	slog.Handler
	warned, on chan struct{}
}

func (l *stuckLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

func (l *stuckLog) Handle(context.Context, slog.Record) error {
	select {
	case l.warned <- struct{}{}:
		<-l.on
	default: // another warning, when all is over
	}
	return nil
}

func TestAWorkerWaitsForNoLog(t *testing.T) {
	const bad, good = 1, 2
	log := &stuckLog{slog.DiscardHandler, make(chan struct{}, 1), make(chan struct{})}
	table := &prompt{newScript(t, 1, func(q *rules.Query, v *rules.Verdict) error {
		v.Mask.SetExact(flow.FieldUDPSrc)
		if q.Key.Uint(flow.FieldUDPSrc) == bad {
			return errors.New("no verdict")
		}
		v.Actions.Output(2)
		return nil
	})}
	defer close(log.on)
	l := newLab(t, datapath.Options{Log: slog.New(log)}, table, "a", "b")
	l.send("a", udp(t, 1, 2, good, 20))
	l.receive("b", 1)
	l.send("a", udp(t, 1, 2, bad, 20))
	<-log.warned
	l.send("a", udp(t, 1, 2, good, 20))
	l.receive("b", 1)
}

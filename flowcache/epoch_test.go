package flowcache

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

func TestEpochs(t *testing.T) {
	t.Run("a stamp passes at once when nobody reads", func(t *testing.T) {
		var e Epochs
		if stamp := e.Advance(); !e.Passed(stamp) {
			t.Errorf("Passed(%d) = false without readers", stamp)
		}
	})
	t.Run("a stamp waits for the tick of every reader", func(t *testing.T) {
		var e Epochs
		a, b := e.Register(), e.Register()
		stamp := e.Advance()
		a.Tick()
		if e.Passed(stamp) {
			t.Error("Passed before the second reader's tick")
		}
		b.Tick()
		if !e.Passed(stamp) {
			t.Error("not Passed after both ticks")
		}
	})
	t.Run("a tick before the stamp does not count", func(t *testing.T) {
		var e Epochs
		p := e.Register()
		p.Tick()
		if stamp := e.Advance(); e.Passed(stamp) {
			t.Error("Passed without a tick since")
		}
	})
	t.Run("a reader offline is not waited for, and is again when it comes back", func(t *testing.T) {
		var e Epochs
		p := e.Register()
		p.Offline()
		if !e.Passed(e.Advance()) {
			t.Error("not Passed while the reader is offline")
		}
		p.Online()
		stamp := e.Advance()
		if e.Passed(stamp) {
			t.Error("Passed though the reader came back before the stamp")
		}
		p.Tick()
		if !e.Passed(stamp) {
			t.Error("not Passed after the tick")
		}
	})
	t.Run("a reader that left is not waited for", func(t *testing.T) {
		var e Epochs
		p, q := e.Register(), e.Register()
		stamp := e.Advance()
		q.Tick()
		p.Unregister()
		if !e.Passed(stamp) {
			t.Error("not Passed after the reader left")
		}
	})
	t.Run("a reader that joins after the stamp does not hold it up", func(t *testing.T) {
		var e Epochs
		stamp := e.Advance()
		e.Register()
		if !e.Passed(stamp) {
			t.Error("not Passed")
		}
	})
}

func TestSynchronizeReturnsAfterTheReaderTicked(t *testing.T) {
	var e Epochs
	p := e.Register()
	var ticked atomic.Bool
	go func() {
		time.Sleep(5 * time.Millisecond)
		ticked.Store(true)
		p.Tick()
	}()
	if err := e.Synchronize(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !ticked.Load() {
		t.Error("Synchronize returned before the tick")
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	var e Epochs
	e.Register()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	if err := e.Synchronize(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Synchronize = %v, want %v", err, context.DeadlineExceeded)
	}
}

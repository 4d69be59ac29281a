package suite

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/culvertdev/culvert/bench/switches"
)

// A filling switch has all flows in its caches after a time; before, it asks its rules about half of the packets.
type filling struct {
	switches.Running
	filled time.Time
}

func (filling) Clear(context.Context) error { return nil }

func (f filling) Account(context.Context) (switches.Account, error) {
	if time.Now().Before(f.filled) {
		return switches.Account{Shares: &switches.Shares{Megaflow: 0.5, New: 0.5}}, nil
	}
	return switches.Account{Shares: &switches.Shares{Megaflow: 1}}, nil
}

func TestASwitchHasTimeToFillItsCaches(t *testing.T) {
	const looks = settleLooks * settleLook
	for name, c := range map[string]struct{ fills, least, most time.Duration }{
		"at once":    {0, looks, looks},
		"after 12 s": {12 * time.Second, 12*time.Second + looks - settleLook, 12*time.Second + looks},
		"never":      {time.Hour, settleTime, settleTime + settleLook},
	} {
		synctest.Test(t, func(t *testing.T) {
			begun := time.Now()
			s := Stand{Cell: Cell{Row: &Row{Way: byCache}}, Switch: filling{filled: begun.Add(c.fills)}}
			if err := s.settle(t.Context()); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(begun); took < c.least || took > c.most {
				t.Errorf("%s: it waited for %v, want %v to %v", name, took, c.least, c.most)
			}
		})
	}
}

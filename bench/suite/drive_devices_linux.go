package suite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/safchain/ethtool"

	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/traffic"
	"github.com/culvertdev/culvert/pmd/cpu"
)

// meet sees to it that the rules are what moves packets between the hosts, and that hosts and switch know each other.
func (s *Stand) meet(ctx context.Context) error {
	if _, ok := s.Switch.(interface{ ChecksumsByHosts() }); ok {
		for _, h := range s.Lab.Hosts {
			if err := withoutChecksumOffload(h); err != nil {
				return err
			}
		}
	}
	a, b := s.Lab.Hosts[0], s.Lab.Hosts[1]
	if err := s.Switch.Forward(ctx, []string{"actions=drop"}); err != nil {
		return err
	}
	e, err := traffic.Ping{Count: 1, Timeout: 200 * time.Millisecond}.Run(ctx, a.Namespace, b.IPv4.Addr())
	if err != nil {
		return err
	}
	if e.Received > 0 {
		return errors.New("a ping came back that a rule was to drop")
	}
	if err := s.Switch.Forward(ctx, s.Row.Rules); err != nil {
		return err
	}
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		e, err := traffic.Ping{Count: 3}.Run(ctx, a.Namespace, b.IPv4.Addr())
		if err != nil {
			return err
		}
		if e.Lost() == 0 {
			return nil
		}
	}
	return errors.New("the hosts do not reach each other")
}

// withoutChecksumOffload makes a host compute its checksums, which Open vSwitch's documentation asks for: it forwards packets whose checksum was
// left to hardware as they are.
func withoutChecksumOffload(h *lab.Host) error {
	return h.Do(func() error {
		e, err := ethtool.NewEthtool()
		if err != nil {
			return err
		}
		defer e.Close()
		if err := e.Change(lab.HostLink, map[string]bool{"tx-checksum-ip-generic": false}); err != nil {
			return fmt.Errorf("turn checksum offload of %s off: %w", h.Name(), err)
		}
		return nil
	})
}

// A stretch is some time of the switch's CPU.
type stretch struct {
	began   time.Time
	used    time.Duration // by everything, soft interrupts included
	threads map[string]machine.Spent
}

func (s *Stand) stretch() (t stretch, err error) {
	t.began = time.Now()
	if t.used, err = machine.Busy(cpu.SetOf(s.Scene.CPU)); err == nil && s.Switch.PID() > 0 {
		t.threads, err = machine.Threads(s.Switch.PID())
	}
	return t, err
}

// since returns what of the switch's CPU was used since t, and what became of the time of its thread, if it has one.
func (s *Stand) since(t stretch) (took, used time.Duration, thread machine.Spent, err error) {
	now, err := s.stretch()
	if err != nil {
		return 0, 0, thread, err
	}
	return now.began.Sub(t.began), now.used - t.used, machine.Busiest(t.threads, now.threads), nil
}

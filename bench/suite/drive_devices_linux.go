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
	began      time.Time
	used, soft time.Duration // by everything, soft interrupts included; by these
	threads    map[string]machine.Spent
}

func (s *Stand) stretch() (t stretch, err error) {
	t.began = time.Now()
	if t.used, t.soft, err = machine.Busy(cpu.SetOf(s.Scene.CPU)); err == nil && s.Switch.PID() > 0 {
		t.threads, err = machine.Threads(s.Switch.PID())
	}
	return t, err
}

// A share is what became of a stretch.
type share struct {
	took       time.Duration
	used, soft time.Duration // of the switch's CPU, as in stretch
	thread     machine.Spent // of the switch's busiest thread, if it has a process
}

// since returns what has become of the time since t.
func (s *Stand) since(t stretch) (share, error) {
	now, err := s.stretch()
	if err != nil {
		return share{}, err
	}
	return share{now.began.Sub(t.began), now.used - t.used, now.soft - t.soft, machine.Busiest(t.threads, now.threads)}, nil
}

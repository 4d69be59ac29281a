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
	inThread   time.Duration // by the thread of soft interrupts on that CPU
}

func (s *Stand) stretch() (t stretch, err error) {
	if s.soft == nil { // to look for it takes milliseconds
		pid, err := machine.SoftThread(s.Scene.CPU)
		if err != nil {
			return t, err
		}
		s.soft = &pid
	}
	soft := *s.soft
	t.began = time.Now()
	if soft > 0 {
		spent, err := machine.Threads(soft)
		if err != nil {
			return t, err
		}
		t.inThread = machine.Busiest(nil, spent).Used()
	}
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
	inThread   time.Duration // as in stretch
}

// waits are the shares of the time for which the switch's thread waited for its CPU, and for which, of that, the thread of soft interrupts may have had
// it: what hosts on veth send is taken in there, which is a part of what such a row is about.
func (s share) waits() (all, own float64) {
	waited := s.thread.Waited
	return waited.Seconds() / s.took.Seconds(), min(waited, s.inThread).Seconds() / s.took.Seconds()
}

// since returns what has become of the time since t.
func (s *Stand) since(t stretch) (share, error) {
	now, err := s.stretch()
	if err != nil {
		return share{}, err
	}
	return share{now.began.Sub(t.began), now.used - t.used, now.soft - t.soft, machine.Busiest(t.threads, now.threads), now.inThread - t.inThread}, nil
}

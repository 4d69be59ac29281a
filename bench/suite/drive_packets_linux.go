package suite

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/traffic"
	"github.com/culvertdev/culvert/pmd/cpu"
)

// smallPackets has one host send the smallest packets to another, as many as one core sends, counted by the hosts' kernels.
func smallPackets(ctx context.Context, s *Stand) (Driver, error) {
	if err := s.meet(ctx); err != nil {
		return nil, err
	}
	frames, err := toNobody(s.Lab.Hosts[0], s.Lab.Hosts[1])
	if err != nil {
		return nil, err
	}
	blaster, err := traffic.NewBlaster(s.Lab.Hosts[0].Namespace, lab.HostLink)
	if err != nil {
		return nil, err
	}
	if err := blaster.Bypass(); err != nil {
		return nil, errors.Join(err, blaster.Close())
	}
	return &blasting{blaster, frames, s}, nil
}

// blasting is a host that sends in its turns alone.
type blasting struct {
	*traffic.Blaster
	frames [][]byte
	s      *Stand
}

func (*blasting) PID() int { return 0 }

func (b *blasting) Turn(ctx context.Context, warm, window time.Duration) (Found, error) {
	sending, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		b.Run(sending, b.frames, 0)
		close(ended)
	}()
	defer func() { cancel(); <-ended }()
	if err := pause(ctx, warm); err != nil {
		return Found{}, err
	}
	return b.s.countHosts(ctx, window)
}

// toNobody makes packets to an address that the switch has learned behind the receiver's port and that is
// not the receiver's own: its stack drops them at once, before it routes, which would otherwise be a good
// part of what the switch's CPU does.
func toNobody(from, to *lab.Host) ([][]byte, error) {
	sender := traffic.Endpoint{MAC: from.MAC, Addr: from.IPv4.Addr()}
	nobody := traffic.Endpoint{MAC: net.HardwareAddr{2, 0x77, 0, 0, 1, 0}, Addr: to.IPv4.Addr()}
	lesson, err := traffic.Flows{From: nobody, To: sender}.Frames()
	if err != nil {
		return nil, err
	}
	teacher, err := traffic.NewBlaster(to.Namespace, lab.HostLink)
	if err != nil {
		return nil, err
	}
	defer teacher.Close()
	if err := teacher.Once(lesson); err != nil {
		return nil, err
	}
	return traffic.Flows{From: sender, To: nobody}.Frames()
}

// hostCounts are what the kernels of both hosts count.
func (s *Stand) hostCounts() (sent, received uint64, err error) {
	from, errFrom := s.Lab.Hosts[0].Count(lab.HostLink)
	to, errTo := s.Lab.Hosts[1].Count(lab.HostLink)
	return from.TxPackets + from.TxDropped, to.RxPackets, errors.Join(errFrom, errTo)
}

// countHosts counts packets and what the switch's CPU does for so long.
func (s *Stand) countHosts(ctx context.Context, window time.Duration) (f Found, err error) {
	if err := s.Switch.Clear(ctx); err != nil {
		return f, err
	}
	before, err := s.stretch()
	if err != nil {
		return f, err
	}
	sent0, received0, err := s.hostCounts()
	if err == nil {
		err = pause(ctx, window)
	}
	if err != nil {
		return f, err
	}
	sent, received, errCount := s.hostCounts()
	spent, errCPU := s.since(before)
	if err := errors.Join(errCount, errCPU); err != nil {
		return f, err
	}
	a, err := f.account(ctx, s)
	if err != nil {
		return f, err
	}
	packets := float64(max(received-received0, 1))
	rate := packets / spent.took.Seconds()
	f.Waited, f.OwnWait = spent.waits()
	f.Figures = map[string]float64{measureReceived: rate, measureOffered: float64(sent-sent0) / spent.took.Seconds(), measureEach: float64(spent.used) / packets}
	if s.Switch.PID() > 0 {
		f.Figures[measureUser], f.Figures[measureKernel] = float64(spent.thread.User)/packets, float64(spent.thread.System)/packets
	}
	if f.Limited = limited(a.Cycles, rate, cpu.NewClock().Frequency()); s.Switch.PID() == 0 { // the kernel rests when it has nothing to do
		f.Limited = spent.used < time.Duration(busyEnough*float64(spent.took))
	}
	return f, nil
}

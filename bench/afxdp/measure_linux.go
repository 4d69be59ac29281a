package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/culvertdev/culvert/bench/contest"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/traffic"
	"github.com/culvertdev/culvert/pmd/cpu"
	"github.com/safchain/ethtool"
)

// A sample is one window of one contender.
type sample struct {
	Contender  string
	Round      int
	Turn       int // within the round
	Version    string
	Mode       string
	RoundTrip  [2]machine.Distance // of a cache line between the CPUs, before and after
	Others     [2]float64          // share of the two CPUs, just before and just after
	TCP        float64             // bits a second, every byte checked
	Retransmit uint32              // TCP segments
	TCPUser    float64             // ns for 1000 bytes of TCP payload, of the switch's thread
	TCPKernel  float64             // ns for the same, of the same thread in the kernel
	Iperf      float64             // bits a second; 0 where iperf3 is not there
	Offered    float64             // packets a second
	Received   float64             // packets a second
	User       float64             // ns a packet, of the switch's thread, while packets were counted
	Kernel     float64             // ns a packet, of the same thread in the kernel
	Waited     float64             // share of the time for which the thread was ready and had no CPU
	RTT        float64             // ns, mean, on an idle switch
}

// A bench runs windows.
type bench struct {
	options
	all cpu.Set // the CPUs there are
}

// tries is how often a window is measured when others use the CPUs meanwhile.
const tries = 4

// run measures a window, again when others disturb it and that matters.
func (b *bench) run(ctx context.Context, c contender) (s sample, err error) {
	for range tries {
		if s, err = b.once(ctx, c); err != nil || s.undisturbed() || b.patience == 0 {
			break
		}
	}
	return s, err
}

// undisturbed reports whether others left the CPUs alone before and after the window.
func (s sample) undisturbed() bool { return max(s.Others[0], s.Others[1]) < 0.1 }

// once starts a contender, measures and stops it.
func (b *bench) once(ctx context.Context, c contender) (s sample, err error) {
	s.Contender = c.name()
	scratch, _, err := lab.NewScratch("culvert-afxdp-")
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, scratch.Close()) }()
	if s.Others[0], err = machine.Quiet(ctx, contest.CPUs(), b.patience); err != nil {
		return s, err
	}
	s.RoundTrip[0] = machine.Apart(contest.HostCPU, contest.SwitchCPU)
	l, err := b.lab()
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	r, err := c.start(ctx, l, filepath.Join(scratch.Path, c.name()))
	if err != nil {
		return s, err
	}
	s.Version, s.Mode = r.version(), r.mode()
	err = b.measure(ctx, l, r, &s)
	if stopped := r.stop(); err == nil {
		err = stopped
	}
	s.RoundTrip[1] = machine.Apart(contest.HostCPU, contest.SwitchCPU)
	if err == nil {
		s.Others[1], err = machine.Quiet(ctx, contest.CPUs(), 0)
	}
	return s, err
}

// lab makes two hosts. This process keeps to contest.HostCPU; what it starts in the switch's namespace may use
// all, since a child has the CPUs of the thread that forks it.
func (b *bench) lab() (*lab.Lab, error) {
	l, err := lab.New()
	if err != nil {
		return nil, err
	}
	for i, name := range []string{"alice", "bob"} {
		if _, err := l.AddHost(name, fmt.Sprintf("p%d", i+1), lab.Link{}); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	if b.vxlan {
		if err := wrap(l); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	if err := cpu.Confine(cpu.SetOf(contest.HostCPU)); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	if err := l.Switch.Allow(b.all); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (b *bench) measure(ctx context.Context, l *lab.Lab, r running, s *sample) error {
	alice, bob := l.Hosts[0], l.Hosts[1]
	if !r.hostOffloads() {
		for _, h := range l.Hosts {
			if err := withoutChecksumOffload(h); err != nil {
				return err
			}
		}
	}
	if err := meet(ctx, alice, bob); err != nil {
		return err
	}
	if _, err := traffic.Bulk(ctx, alice.Namespace, bob.Namespace, bob.IPv4.Addr(), b.warm); err != nil {
		return err
	}
	if err := b.bulk(ctx, alice, bob, r.pid(), s); err != nil {
		return err
	}
	var err error
	if s.Iperf, err = iperf(ctx, alice, bob, b.window); err != nil {
		return err
	}
	if !b.vxlan {
		if err := b.packets(ctx, alice, bob, r.pid(), s); err != nil {
			return err
		}
	}
	e, err := traffic.Ping{Count: 200}.Run(ctx, alice.Namespace, bob.IPv4.Addr())
	s.RTT = float64(e.Avg)
	return err
}

// bulk measures TCP, and what it costs the switch's thread.
func (b *bench) bulk(ctx context.Context, from, to *lab.Host, pid int, s *sample) error {
	before, err := machine.Threads(pid)
	if err != nil {
		return err
	}
	t, err := traffic.Bulk(ctx, from.Namespace, to.Namespace, to.IPv4.Addr(), b.window)
	if err != nil {
		return err
	}
	after, err := machine.Threads(pid)
	if err != nil {
		return err
	}
	s.TCP, s.Retransmit = t.BitsPerSecond(), t.Retransmits
	spent, kilobytes := machine.Busiest(before, after), float64(max(t.Bytes, 1))/1000
	s.TCPUser, s.TCPKernel = float64(spent.User)/kilobytes, float64(spent.System)/kilobytes
	return nil
}

// meet makes the hosts and the switch know each other.
func meet(ctx context.Context, a, b *lab.Host) error {
	for range 20 {
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

// withoutChecksumOffload makes a host compute its checksums, which switches other than Culvert need.
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

// iperf measures TCP with iperf3; 0 where it is not installed.
func iperf(ctx context.Context, from, to *lab.Host, d time.Duration) (float64, error) {
	if _, err := exec.LookPath("iperf3"); err != nil {
		return 0, nil
	}
	server := exec.Command("iperf3", "-s", "-1", "-B", to.IPv4.Addr().String())
	if err := to.Start(server); err != nil {
		return 0, err
	}
	defer server.Wait()
	defer server.Process.Kill()
	time.Sleep(200 * time.Millisecond) // it does not say when it listens
	client := exec.CommandContext(ctx, "iperf3", "-J", "-c", to.IPv4.Addr().String(), "-t", fmt.Sprint(max(int(d.Seconds()), 1)))
	out, err := outputIn(from.Namespace, client)
	if err != nil {
		return 0, fmt.Errorf("iperf3: %w: %s", err, out)
	}
	var result struct {
		End struct {
			Received struct {
				Rate float64 `json:"bits_per_second"`
			} `json:"sum_received"`
		} `json:"end"`
	}
	err = json.Unmarshal(out, &result)
	return result.End.Received.Rate, err
}

// packets measures how many of the smallest packets get through, offered as many as one core sends.
func (b *bench) packets(ctx context.Context, from, to *lab.Host, pid int, s *sample) error {
	frames, err := toNobody(from, to)
	if err != nil {
		return err
	}
	blaster, err := traffic.NewBlaster(from.Namespace, lab.HostLink)
	if err != nil {
		return err
	}
	defer blaster.Close()
	if err := blaster.Bypass(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, b.window+time.Second)
	defer cancel()
	ended := make(chan struct{})
	go func() {
		blaster.Run(ctx, frames, 0)
		close(ended)
	}()
	time.Sleep(500 * time.Millisecond)
	err = s.count(from, to, pid, b.window)
	cancel()
	<-ended
	return err
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

// count counts packets and the time the switch's thread spends, for d.
func (s *sample) count(from, to *lab.Host, pid int, d time.Duration) error {
	type look struct {
		when     time.Time
		from, to lab.LinkCount
		threads  map[string]machine.Spent
	}
	take := func() (l look, err error) {
		var errs [3]error
		l.when = time.Now()
		l.from, errs[0] = from.Count(lab.HostLink)
		l.to, errs[1] = to.Count(lab.HostLink)
		l.threads, errs[2] = machine.Threads(pid)
		return l, errors.Join(errs[:]...)
	}
	before, err := take()
	if err != nil {
		return err
	}
	time.Sleep(d)
	after, err := take()
	if err != nil {
		return err
	}
	seconds := after.when.Sub(before.when).Seconds()
	received := float64(after.to.RxPackets - before.to.RxPackets)
	sent := after.from.TxPackets + after.from.TxDropped - before.from.TxPackets - before.from.TxDropped
	s.Offered, s.Received = float64(sent)/seconds, received/seconds
	if received > 0 {
		t := machine.Busiest(before.threads, after.threads)
		s.User, s.Kernel = float64(t.User)/received, float64(t.System)/received
		s.Waited = t.Waited.Seconds() / seconds
	}
	return nil
}

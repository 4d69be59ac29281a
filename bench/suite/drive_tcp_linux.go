package suite

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"time"

	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/traffic"
)

// pings is how many are sent on an idle switch, the next one when the last is back.
const pings = 200

// bulkTCP has hosts send each other TCP.
func bulkTCP(ctx context.Context, s *Stand) (Driver, error) { return hosts{s}, s.meet(ctx) }

// hosts send in their turns alone.
type hosts struct{ *Stand }

func (hosts) PID() int     { return 0 }
func (hosts) Close() error { return nil }

// Turn measures TCP from host to host, by our own tool, of which both ends compare every byte, and by iperf3 where it is installed; then pings.
func (h hosts) Turn(ctx context.Context, warm, window time.Duration) (f Found, err error) {
	s := h.Stand
	from, to := s.Lab.Hosts[0], s.Lab.Hosts[1]
	if _, err := traffic.Bulk(ctx, from.Namespace, to.Namespace, to.IPv4.Addr(), warm); err != nil {
		return f, err
	}
	if err := s.Switch.Clear(ctx); err != nil {
		return f, err
	}
	before, err := s.stretch()
	if err != nil {
		return f, err
	}
	t, err := traffic.Bulk(ctx, from.Namespace, to.Namespace, to.IPv4.Addr(), window)
	if err != nil {
		return f, err
	}
	spent, err := s.since(before)
	if err != nil {
		return f, err
	}
	if _, err := f.account(ctx, s); err != nil {
		return f, err
	}
	f.Waited, f.OwnWait = spent.waits()
	f.LookUps += fmt.Sprintf("; %d TCP segments sent again", t.Retransmits)
	kilobytes := float64(max(t.Bytes, 1)) / 1000
	f.Figures = map[string]float64{measureBulk: t.BitsPerSecond(), measureKilobyte: float64(spent.used) / kilobytes, measureKilobyteSoft: float64(spent.soft) / kilobytes}
	if s.Switch.PID() > 0 {
		f.Figures[measureKilobyteUser], f.Figures[measureKilobyteKernel] = float64(spent.thread.User)/kilobytes, float64(spent.thread.System)/kilobytes
	}
	if err := f.iperf(ctx, s, window); err != nil {
		return f, err
	}
	e, err := traffic.Ping{Count: pings}.Run(ctx, from.Namespace, to.IPv4.Addr())
	f.Figures[measureRoundTrip] = float64(e.Avg)
	return f, err
}

// iperf adds what iperf3 says, where it is installed and has come to a figure.
func (f *Found) iperf(ctx context.Context, s *Stand, window time.Duration) error {
	if _, err := exec.LookPath("iperf3"); err != nil {
		return nil
	}
	rate, err := iperf(ctx, s.Lab.Hosts[0], s.Lab.Hosts[1], window)
	if rate > 0 {
		f.Figures[measureIperf] = rate
	}
	return err
}

// iperf measures TCP with iperf3, in bits a second.
func iperf(ctx context.Context, from, to *lab.Host, d time.Duration) (float64, error) {
	server := exec.Command("iperf3", "-s", "-1", "-B", to.IPv4.Addr().String())
	if err := to.Start(server); err != nil {
		return 0, err
	}
	defer server.Wait()
	defer server.Process.Kill()
	for end := time.Now().Add(20 * time.Second); ; {
		out, err := client(ctx, from, to, d)
		if err == nil {
			return received(out)
		}
		// It does not say when it listens. A client that comes too early is refused.
		if time.Now().After(end) || ctx.Err() != nil {
			return 0, fmt.Errorf("iperf3: %w: %s", err, out)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// client runs iperf3's sender in a host and returns what it prints.
func client(ctx context.Context, from, to *lab.Host, d time.Duration) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "iperf3", "-J", "-c", to.IPv4.Addr().String(), "-t", fmt.Sprint(max(int(d.Seconds()), 1)))
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := from.Start(cmd); err != nil {
		return nil, err
	}
	err := cmd.Wait()
	return out.Bytes(), err
}

// received reads iperf3's JSON.
func received(out []byte) (float64, error) {
	var r struct {
		End struct {
			Received struct {
				Rate float64 `json:"bits_per_second"`
			} `json:"sum_received"`
		} `json:"end"`
	}
	err := json.Unmarshal(out, &r)
	return r.End.Received.Rate, err
}

//go:build integration

package testpmd

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// need skips the test when testpmd is not there, which Missing has looked for.
func need(t *testing.T) context.Context {
	t.Helper()
	if err := Missing(); err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// small is testpmd with little memory, and that ordinary.
func small(o Options) Options {
	o.Memory, o.NoHuge, o.Buffers = 192, true, 16384
	return o
}

func TestAGuestSendsPacketsThroughABackend(t *testing.T) {
	ctx := need(t)
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	// The backends keep trying to connect until there is a guest.
	switched, err := Start(ctx, small(Options{
		Name: "floor", Mode: "io", CPU: 1,
		Ports: []Port{Backend{Socket: a, Client: true}, Backend{Socket: b, Client: true}},
	}))
	must(t, err)
	defer switched.Kill()
	guest, err := Start(ctx, small(Options{
		Name: "guest", Mode: "flowgen", Length: 128,
		Ports: []Port{Guest{Socket: a, InOrder: true}, Guest{Socket: b, Packed: true, Mergeable: true}},
	}))
	must(t, err)
	defer guest.Kill()
	if v := switched.Version(); !strings.HasPrefix(v, "DPDK ") {
		t.Errorf("version %q", v)
	}
	must(t, switched.Forward(ctx))
	must(t, guest.Forward(ctx))
	for {
		c, err := guest.Counters(ctx)
		must(t, err)
		if c[0].RxPackets > 1000 && c[1].RxPackets > 1000 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	must(t, guest.Halt(ctx)) // while it forwards, its counters are not of one moment
	c, err := guest.Counters(ctx)
	must(t, err)
	if c[0].RxBytes != 124*c[0].RxPackets {
		t.Errorf("packets of 128 bytes, 4 of them for the frame check sequence: %+v", c[0])
	}
	must(t, guest.Clear(ctx))
	if _, err := guest.Run(ctx, "no such command"); err == nil {
		t.Error("a command that is not there is no error")
	}
	must(t, guest.Stop())
	must(t, switched.Stop())
}

func TestAnOptionThatTestpmdDoesNotHaveIsAnErrorWithWhatItSays(t *testing.T) {
	ctx := need(t)
	_, err := Start(ctx, Options{Name: "wrong", Mode: "no-such-mode", Memory: 64, NoHuge: true})
	if err == nil {
		t.Fatal("it has started")
	}
	t.Log(err)
}

package vnf_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/frontend"
	"github.com/culvertdev/culvert/vhost/frontend/vnf"
	"github.com/culvertdev/culvert/vhost/frontend/vnf/vnftest"
)

// TestAFunctionBetweenTwoPorts has one that counts down a byte and drops what has come to zero.
func TestAFunctionBetweenTwoPorts(t *testing.T) {
	v, err := vnf.New(vnf.Options{Buffers: 2048})
	if err != nil {
		t.Fatal(err)
	}
	paths := vnftest.Paths(t, 2)
	var ports []*vnf.Port
	for _, path := range paths {
		p, err := v.Open(path, frontend.Options{Path: path, RingSize: 64})
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, p)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		ended <- v.Run(ctx, func(from *vnf.Port, frames []frame.Frame) {
			to := ports[1]
			if from == to {
				to = ports[0]
			}
			for _, f := range frames {
				b := v.Bytes(f)
				if len(b) < 21 {
					v.Drop(f)
					continue
				}
				if b[20]--; b[20] == 0 {
					v.Drop(f)
					continue
				}
				to.Send(f)
			}
		})
	}()
	s := vnftest.Connect(t, paths...)
	for range 20 { // with pauses in which the function sleeps
		p := bytes.Repeat([]byte{9}, 60)
		for b := byte(9); b > 1; b-- {
			p[20] = b
			s.Send(int(b%2), p)
			p[20]--
			if got := s.Recv(int(1 - b%2)); !bytes.Equal(got, p) {
				t.Fatalf("% x came back, want % x", got, p)
			}
		}
		p[20] = 1
		s.Send(0, p)
		if !s.Silent() {
			t.Fatal("what has come to zero goes on")
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if n := sample(ports[0].Counters(nil), "rx_packets"); n != 20*5+1 { // and the one that shows the link
		t.Errorf("%d packets received by the first port, want 101", n)
	}
	if err := v.Close(); err != nil {
		t.Error(err)
	}
}

func sample(all []counter.Sample, name string) uint64 {
	for _, s := range all {
		if s.Name == name {
			return s.Value
		}
	}
	return 0
}

// ExampleBetween is a complete function: it swaps the addresses of each packet and sends it back.
func ExampleBetween() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // a real one runs until a signal comes
	err := vnf.Between(ctx, vnf.Options{}, "/tmp/left.sock", "/tmp/right.sock", func(pkt []byte, _ vnf.Side) vnf.Verdict {
		if len(pkt) < 14 {
			return vnf.Drop
		}
		dst := [6]byte(pkt)
		copy(pkt[:6], pkt[6:12])
		copy(pkt[6:12], dst[:])
		return vnf.Return
	})
	fmt.Println(err)
	// Output: <nil>
}

func TestAFunctionWhosePortsCannotBeOpenedSaysSo(t *testing.T) {
	err := vnf.Between(t.Context(), vnf.Options{Buffers: 1024}, "/nowhere/left", "/nowhere/right", nil)
	if err == nil || !strings.Contains(err.Error(), "/nowhere/left") {
		t.Errorf("error %v", err)
	}
	if _, err := vnf.New(vnf.Options{Buffers: -1}); err == nil {
		t.Error("a function with less than no memory")
	}
}

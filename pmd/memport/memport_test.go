package memport

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/ring/frame"
)

func TestFramesCrossWithoutBeingCopied(t *testing.T) {
	port, peer := openPort(t, Options{Pool: newPool(t, 64)})
	rx, tx := port.RxQueues()[0], port.TxQueues()[0]
	if n := peer.SendBytes([]byte("one packet there")); n != 1 {
		t.Fatalf("sent %d packets, want 1", n)
	}
	var b frame.Batch
	if n := rx.Recv(&b); n != 1 {
		t.Fatalf("received %d packets, want 1", n)
	}
	there := b.Frames()[0]
	if n := tx.Send(&b); n != 1 || b.Len() != 0 {
		t.Fatalf("sent %d packets and left %d, want 1 and 0", n, b.Len())
	}
	if n := peer.Recv(&b); n != 1 {
		t.Fatalf("got %d packets back, want 1", n)
	}
	if back := b.Frames()[0]; back != there {
		t.Errorf("frame came back as %+v, went as %+v", back, there)
	}
	peer.Free(&b)
	wantCounters(t, rx, map[string]uint64{"rx_packets": 1, "rx_bytes": 16})
	wantCounters(t, tx, map[string]uint64{"tx_packets": 1, "tx_bytes": 16})
}

func TestOrderAndLengthsAreKept(t *testing.T) {
	pool := newPool(t, 512)
	port, peer := openPort(t, Options{Pool: pool, MTU: MaxMTU})
	var want [][]byte
	for i, size := range []int{0, 1, 59, 60, 1514, pool.Room(), pool.Room() + 1, 9018, 65535} {
		want = append(want, bytes.Repeat([]byte{byte(i + 1)}, size))
	}
	if n := peer.SendBytes(want...); n != len(want) {
		t.Fatalf("sent %d packets, want %d", n, len(want))
	}
	var b frame.Batch
	port.RxQueues()[0].Recv(&b)
	port.TxQueues()[0].Send(&b)
	got := peer.RecvBytes()
	if len(got) != len(want) {
		t.Fatalf("got %d packets, want %d", len(got), len(want))
	}
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			t.Errorf("packet %d of %d bytes came back as %d bytes, or changed", i, len(want[i]), len(got[i]))
		}
	}
}

func TestWhatDoesNotFitIsFreedAndCounted(t *testing.T) {
	pool := newPool(t, 256)
	port, peer := openPort(t, Options{Pool: pool, RingSize: 4, MTU: 100})
	tx := port.TxQueues()[0]
	c, err := pool.NewCache()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var b frame.Batch
	for range 6 {
		fits, _ := c.FromBytes(make([]byte, 100+tagRoom))
		b.Append(fits)
		long, _ := c.FromBytes(make([]byte, 100+tagRoom+1))
		b.Append(long)
	}
	if n := tx.Send(&b); n != 4 || b.Len() != 0 {
		t.Errorf("sent %d packets and left %d, want 4 and 0", n, b.Len())
	}
	wantCounters(t, tx, map[string]uint64{
		"tx_packets": 4, "tx_bytes": 4 * (100 + tagRoom), "tx_full": 2, "tx_too_long": 6, "tx_no_peer": 0,
	})
	if got := len(peer.RecvBytes()); got != 4 {
		t.Errorf("%d packets arrived, want 4", got)
	}
}

func TestReceiveStopsWhenTheBatchIsFull(t *testing.T) {
	pool := newPool(t, 512)
	port, peer := openPort(t, Options{Pool: pool})
	rx := port.RxQueues()[0]
	for range frame.MaxBatch + 3 {
		peer.SendBytes([]byte{1})
	}
	var b frame.Batch
	fill(t, pool, &b, 5)
	if n := rx.Recv(&b); n != frame.MaxBatch-5 {
		t.Errorf("received %d packets into a batch that holds 5, want %d", n, frame.MaxBatch-5)
	}
	if n := rx.Recv(&b); n != 0 {
		t.Errorf("received %d packets into a full batch", n)
	}
	peer.Free(&b)
	if n := rx.Recv(&b); n != 8 {
		t.Errorf("received %d packets after that, want 8", n)
	}
	peer.Free(&b)
}

func TestArmedQueueIsWokenOnce(t *testing.T) {
	port, peer := openPort(t, Options{Pool: newPool(t, 64)})
	rx := port.RxQueues()[0]
	var b frame.Batch
	peer.SendBytes(make([]byte, 60))
	if readable(t, rx.FD()) {
		t.Error("a queue that was not armed was signalled")
	}
	if !rx.Arm() {
		t.Error("Arm says there is nothing, one packet waits")
	}
	rx.Recv(&b)
	if rx.Arm() {
		t.Error("Arm says there is something, the queue is empty")
	}
	if rx.Arm() || readable(t, rx.FD()) {
		t.Error("an empty armed queue is ready")
	}
	peer.SendBytes(make([]byte, 60))
	if !readable(t, rx.FD()) {
		t.Error("an armed queue was not signalled")
	}
	rx.Recv(&b)
	if readable(t, rx.FD()) {
		t.Error("the descriptor is readable after Recv emptied the queue")
	}
	peer.SendBytes(make([]byte, 60))
	if readable(t, rx.FD()) {
		t.Error("a queue that woke up was signalled again")
	}
	rx.Recv(&b)
	peer.Free(&b)
}

func TestPortStopsWhenItsPeerSaysSo(t *testing.T) {
	port, peer := openPort(t, Options{Pool: newPool(t, 64)})
	if err := port.Err(); err != nil {
		t.Errorf("error %v before anything happened", err)
	}
	gone := errors.New("device is gone")
	peer.Fail(gone)
	peer.Fail(errors.New("second thoughts"))
	<-port.Done()
	if err := port.Err(); !errors.Is(err, gone) {
		t.Errorf("error %v, want %v", err, gone)
	}
}

// TestTooFewCachesLeaveNothingBehind runs out of caches at every step of opening.
func TestTooFewCachesLeaveNothingBehind(t *testing.T) {
	for caches := 1; caches < 4; caches++ {
		t.Run(fmt.Sprintf("%d caches for a port that needs 4", caches), func(t *testing.T) {
			pool, err := frame.NewPool(frame.Options{Buffers: 64, Huge: frame.HugeNever, Caches: caches})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Open("m", Options{Pool: pool, Queues: 2}); !errors.Is(err, frame.ErrCaches) {
				t.Errorf("error %v, want %v", err, frame.ErrCaches)
			}
			if err := pool.Close(); err != nil { // reports open caches
				t.Error(err)
			}
		})
	}
	if _, err := Open("m", Options{}); err == nil || !strings.Contains(err.Error(), "no frame pool") {
		t.Errorf("no pool: error %v", err)
	}
}

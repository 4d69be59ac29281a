package memport

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/ring/frame"
)

// TestSleepingReceiverMissesNothing echoes packets through a receiver that sleeps whenever it finds
// its queue empty: a wake-up that is lost is a poll that times out, a packet that is lost or overtaken
// is seen by its number.
func TestSleepingReceiverMissesNothing(t *testing.T) {
	const packets = 20000
	port, peer := openPort(t, Options{Pool: newPool(t, 1024), RingSize: 16})
	done := make(chan struct{})
	go func() {
		defer close(done)
		echo(t, port, packets)
	}()
	var number [4]byte
	next, sent := uint32(0), uint32(0)
	for next < packets && !t.Failed() {
		for sent < packets && sent-next < 8 {
			binary.BigEndian.PutUint32(number[:], sent)
			if peer.SendBytes(number[:]) != 1 {
				t.Error("a ring of 16 has no room for 8 packets")
			}
			sent++
		}
		for _, p := range peer.RecvBytes() {
			if got := binary.BigEndian.Uint32(p); got != next {
				t.Errorf("packet %d came, want %d", got, next)
			}
			next++
		}
	}
	<-done
}

// echo sends back what the port receives, as a worker would, and sleeps when there is nothing.
func echo(t *testing.T, port *Port, packets int) {
	rx, tx := port.RxQueues()[0], port.TxQueues()[0]
	fds := []unix.PollFd{{Fd: int32(rx.FD()), Events: unix.POLLIN}}
	var b frame.Batch
	slept := 0
	for n := 0; n < packets; {
		got := rx.Recv(&b)
		n += got
		tx.Send(&b)
		tx.Flush()
		if got > 0 || rx.Arm() {
			continue
		}
		slept++
		if ready, err := unix.Poll(fds, 10_000); err == nil && ready == 0 {
			t.Errorf("asleep for 10 s after %d of %d packets", n, packets)
			return
		}
	}
	t.Logf("slept %d times in %d packets", slept, packets)
}

// TestPeerComesAndGoesUnderTraffic attaches and closes peers while the port sends and receives.
func TestPeerComesAndGoesUnderTraffic(t *testing.T) {
	pool := newPool(t, 1024)
	port, first := openPort(t, Options{Pool: pool, RingSize: 64})
	closeAll(t, first)
	c, err := pool.NewCache()
	if err != nil {
		t.Fatal(err)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		defer c.Close()
		var b frame.Batch
		for {
			select {
			case <-stop:
				return
			default:
			}
			c.Fill(&b, 8)
			port.TxQueues()[0].Send(&b)
			port.RxQueues()[0].Recv(&b)
			c.PutBatch(&b)
		}
	}()
	for range 200 {
		peer, err := port.Attach()
		if err != nil {
			t.Error(err)
			break
		}
		peer.SendBytes([]byte{1}, []byte{2})
		peer.RecvBytes()
		closeAll(t, peer)
	}
	close(stop)
	<-stopped
}

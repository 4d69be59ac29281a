package proto

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestABinWaitsForNobody(t *testing.T) {
	noLeak(t)
	var b Bin
	answer := make(chan struct{})
	var fds [3]int
	for i, fd := range eventfds(t, 3) {
		var err error
		if fds[i], err = unix.Dup(fd); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Look(fds[0], 10*time.Millisecond, func(int) error { <-answer; return nil }); !errors.Is(err, ErrStuck) {
		t.Errorf("no answer is %v", err)
	}
	want := errors.New("of another kind")
	if err := b.Look(fds[1], 10*time.Second, func(int) error { return want }); err != want {
		t.Errorf("an answer is %v", err)
	}
	for range mostStuck - 1 {
		if b.Full() {
			t.Error("full too early")
		}
		_ = b.Look(-1, 0, func(int) error { <-answer; return nil })
	}
	if !b.Full() {
		t.Error("not full")
	}
	close(answer)
	for deadline := time.Now().Add(10 * time.Second); b.stuck.Load() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("what comes back is not counted off")
		}
	}
	b.Close(fds[1])
	b.Close(fds[2]) // the first was closed when the look came back
	b.Close(-1)
}

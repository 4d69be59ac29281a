package proto

import (
	"errors"
	"io"
	"os"
	"testing"
)

func TestWatchingTheOtherSide(t *testing.T) {
	raw, c := pair(t, NewConn)
	for range 100 { // an interruption right behind the start is not lost
		ended := c.Watch()
		c.Interrupt()
		if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("interrupted: %v", err)
		}
	}
	go io.ReadFull(raw, make([]byte, headerSize))
	write(t, raw, message(uint32(GetFeatures), version|flagReply, make([]byte, 8)))
	if err := <-c.Watch(); !errors.Is(err, ErrFlags) {
		t.Errorf("something nobody asked for: %v", err)
	}
	if n, err := c.AskNumber(GetFeatures); err != nil || n != 0 {
		t.Errorf("the message was eaten: %d, %v", n, err)
	}
	ended := c.Watch()
	raw.Close()
	if err := <-ended; err != io.EOF {
		t.Errorf("closed: %v", err)
	}
}

package pmd

import (
	"errors"
	"testing"
)

func TestAPortStopsOnceForTheFirstReason(t *testing.T) {
	var l Life
	done := l.Done()
	first, second := errors.New("device gone"), errors.New("MTU changed")
	select {
	case <-done:
		t.Fatal("a new port is done")
	default:
	}
	if !l.Stop(first) || l.Stop(second) {
		t.Error("want the first reason taken and the second refused")
	}
	<-done
	if err := l.Err(); err != first {
		t.Errorf("stopped by %v, want %v", err, first)
	}
}

func TestAPortThatIsClosedDoesNotStop(t *testing.T) {
	var l Life
	if l.Ended() || !l.End() || l.End() || !l.Ended() {
		t.Error("want the first End to be the first, and the port ended then")
	}
	if l.Stop(errors.New("device gone")) || l.Err() != nil {
		t.Errorf("a closed port stopped: %v", l.Err())
	}
}

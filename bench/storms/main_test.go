package main

import (
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/result"
)

func TestARunCanBeKept(t *testing.T) {
	book, err := result.Open("", options{rounds: 2, window: time.Second}.newRun(nil, "go run ./bench/storms"))
	if err != nil {
		t.Fatal(err)
	}
	if err := book.Check(); err != nil {
		t.Error(err)
	}
}

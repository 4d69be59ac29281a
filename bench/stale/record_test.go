package main

import (
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/result"
)

func TestASampleIsKeptWithAllThatIsKnownOfIt(t *testing.T) {
	o := options{flows: 1000, rounds: 1}
	book, err := result.Open("", o.run(nil, "go run ./bench/stale"))
	if err != nil {
		t.Fatal(err)
	}
	s := sample{name: "ovs-afxdp", version: "3.1.0", cached: "1 masks a hit, 990 flows", call: 9 * time.Millisecond, stale: 974 * time.Millisecond}
	if err := book.Add(o.row(s), s.window(1, 2)); err != nil {
		t.Fatal(err)
	}
	w := book.Rows[0].Windows[0]
	if !book.Has(o.rowName(), "ovs-afxdp", 1, 2) || w.Figures[measureStale] != 974e6 || w.Figures[measureCall] != 9e6 || w.Note != s.cached {
		t.Errorf("got %+v", w)
	}
}

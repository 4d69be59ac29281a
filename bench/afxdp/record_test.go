package main

import (
	"testing"

	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/result"
)

func TestASampleIsARowForEachSubject(t *testing.T) {
	s := sample{
		Contender: "culvert", Version: "v1", Mode: "attach native, copy copy", Round: 1, Turn: 3, RoundTrip: [2]machine.Distance{70, 80},
		Others: [2]float64{0, 0.5}, TCP: 3e9, Offered: 6e5, Received: 5e5, User: 270, Kernel: 1100, RTT: 43e3,
	}
	o := options{options: "busy-poll=20us"}
	book, err := result.Open("", o.run(nil, "go run ./bench/afxdp"))
	if err != nil {
		t.Fatal(err)
	}
	for _, sub := range subjects() {
		if err := book.Add(o.row(sub, s), s.window(sub)); err != nil {
			t.Fatal(err)
		}
	}
	if err := book.Check(); err != nil || len(book.Rows) != 3 {
		t.Fatalf("%d rows, %v", len(book.Rows), err)
	}
	tcp := book.Rows[0].Windows[0]
	if _, measured := tcp.Figures["by iperf3"]; measured || tcp.Figures["every byte compared"] != 3e9 {
		t.Errorf("got %v: iperf3 was not there", tcp.Figures)
	}
	if tcp.Class != "near" || tcp.Disturbed != "others used 0 and 50 %" || !book.Has("ping", "culvert", 1, 3) {
		t.Errorf("got %+v", tcp)
	}
	s.RoundTrip[1] = 500
	if w := s.window(subjects()[1]); w.Class != result.Mixed {
		t.Errorf("got class %q", w.Class)
	}
}

package main

import (
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/result"
)

func TestLoadsAreWindowsOfWhoeverLoaded(t *testing.T) {
	book, err := result.Open("", newRun(2, nil, "go run ./bench/rules"))
	if err != nil {
		t.Fatal(err)
	}
	if err := keep(t.Context(), book, nil, "acl", 1000, []samples{{time.Second, 2 * time.Second}, nil, nil}); err != nil {
		t.Fatal(err)
	}
	if err := book.Check(); err != nil || book.Index(rowName("acl", 1000)) != 0 || len(book.Rows[0].Windows) != 2 {
		t.Fatalf("%+v, %v", book.Rows, err)
	}
	if w := book.Rows[0].Windows[1]; w.Contender != "culvert" || w.Round != 2 || w.Figures[measureLoad] != 2e9 {
		t.Errorf("%+v", w)
	}
}

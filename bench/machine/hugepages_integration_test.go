//go:build integration

package machine

import (
	"os"
	"testing"
)

func TestHugepagesAreBorrowedAndGivenBack(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: the number of hugepages")
	}
	none, err := BorrowHugepages(0) // gives back what those who were killed had borrowed
	if err != nil {
		t.Skip(err)
	}
	if err := none.Give(); err != nil {
		t.Fatal(err)
	}
	before, err := readNumber(hugeWanted)
	if err != nil {
		t.Fatal(err)
	}
	h, err := BorrowHugepages(64 * HugepageSize)
	if err != nil {
		t.Skip(err)
	}
	if free, err := readNumber(hugeFree); err != nil || free < 64 {
		t.Errorf("free: %d, %v; want 64", free, err)
	}
	if err := h.Give(); err != nil {
		t.Error(err)
	}
	if now, err := readNumber(hugeWanted); err != nil || now != before {
		t.Errorf("given back: %d, %v; want %d", now, err, before)
	}
	if h, err := BorrowHugepages(1 << 60); err == nil {
		t.Error("hugepages of 1 EiB are to be had: ", h, h.Give())
	}
	if now, err := readNumber(hugeWanted); err != nil || now != before {
		t.Errorf("after a borrowing that failed: %d, %v; want %d", now, err, before)
	}
}

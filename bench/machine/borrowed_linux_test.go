package machine

import (
	"os"
	"testing"
)

func TestWhatAKilledProcessHasBorrowedIsFound(t *testing.T) {
	dir := t.TempDir()
	mine, err := noteBorrowed(dir, 7)
	if err != nil {
		t.Fatal(err)
	}
	killed, err := noteBorrowed(dir, 960)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := left(dir); n != 0 || err != nil {
		t.Errorf("both are at work: got %d pages, %v", n, err)
	}
	if err := killed.Close(); err != nil { // as the kernel does
		t.Fatal(err)
	}
	if n, err := left(dir); n != 960 || err != nil {
		t.Errorf("one has ended: got %d pages, %v, want 960", n, err)
	}
	if n, err := left(dir); n != 0 || err != nil {
		t.Errorf("got %d pages again, %v", n, err)
	}
	if _, err := os.Stat(mine.Name()); err != nil {
		t.Error("the note of one at work is gone: ", err)
	}
	if err := mine.Close(); err != nil {
		t.Fatal(err)
	}
}

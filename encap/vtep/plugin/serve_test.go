package plugin

import (
	"os"
	"path/filepath"
	"testing"
)

func TestASocketTakesThePlaceOfADeadOneAndOfNothingElse(t *testing.T) {
	dir, err := os.MkdirTemp("", "vtep") // a short path: sockets have 108 bytes for it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, link} {
		if l, err := Listen(path); err == nil {
			l.Close()
			t.Errorf("%s: a socket has taken its place", path)
		}
	}
	if text, err := os.ReadFile(link); err != nil || string(text) != "kept" {
		t.Errorf("the file says %q, %v", text, err)
	}

	path := filepath.Join(dir, "s")
	first, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	if l, err := Listen(path); err == nil {
		l.Close()
		t.Error("two listen")
	}
	f, err := first.(interface{ File() (*os.File, error) }).File() // keeps the socket's file when the listener goes
	if err != nil {
		t.Fatal(err)
	}
	first.(interface{ SetUnlinkOnClose(bool) }).SetUnlinkOnClose(false)
	first.Close()
	f.Close()
	again, err := Listen(path)
	if err != nil {
		t.Fatalf("in the place of a dead one: %v", err)
	}
	again.Close()
}

package api_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/culvertdev/culvert/control/api"
)

func TestListenSetsPermissions(t *testing.T) {
	for _, mode := range []fs.FileMode{0o600, 0o660, 0o666, 0} {
		path := filepath.Join(t.TempDir(), "s")
		l, err := api.Listen(path, mode, strconv.Itoa(os.Getgid()))
		if err != nil {
			t.Fatal(err)
		}
		st, err := os.Lstat(path)
		if err != nil || st.Mode().Perm() != mode {
			t.Errorf("mode = %v, %v; want %v", st.Mode(), err, mode)
		}
		if gid := st.Sys().(*syscall.Stat_t).Gid; int(gid) != os.Getgid() {
			t.Errorf("group = %d, want %d", gid, os.Getgid())
		}
		if err := errors.Join(l.Close(), l.Close()); err != nil {
			t.Errorf("Close twice: %v", err)
		}
	}
}

func TestListenOnAPathThatIsTaken(t *testing.T) {
	t.Run("a socket that a dead daemon left is replaced", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "s")
		dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
		if err != nil {
			t.Fatal(err)
		}
		dead.SetUnlinkOnClose(false)
		dead.Close()
		l, err := api.Listen(path, 0o600, "")
		if err != nil {
			t.Fatal(err)
		}
		if c, err := net.Dial("unix", path); err != nil {
			t.Error(err)
		} else {
			c.Close()
		}
		l.Close()
	})
	t.Run("a socket that a living daemon answers on is left alone", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "s")
		l, err := api.Listen(path, 0o600, "")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if _, err := api.Listen(path, 0o600, ""); !errors.Is(err, api.ErrInUse) || !strings.Contains(err.Error(), path) {
			t.Errorf("got %v, want ErrInUse with the path", err)
		}
		if c, err := net.Dial("unix", path); err != nil {
			t.Error(err)
		} else {
			c.Close()
		}
	})
	t.Run("a file that is no socket is left alone", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "s")
		if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := api.Listen(path, 0o600, ""); err == nil {
			t.Error("got no error")
		}
		if text, _ := os.ReadFile(path); string(text) != "precious" {
			t.Errorf("the file now holds %q", text)
		}
	})
	t.Run("of many that start at once one wins", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "s")
		var mu sync.Mutex
		var won []*api.Listener
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				l, err := api.Listen(path, 0o600, "")
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won = append(won, l)
				} else if !errors.Is(err, api.ErrInUse) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if len(won) != 1 {
			t.Fatalf("%d won, want 1", len(won))
		}
		won[0].Close()
	})
}

func TestListenMakesAndRemovesItsDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "culvert")
	l, err := api.Listen(filepath.Join(dir, "s"), 0o600, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the directory is still there: %v", err)
	}
}

func TestCloseLeavesTheSocketOfASuccessor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	old, err := api.Listen(path, 0o600, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	next, err := api.Listen(path, 0o600, "")
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the successor's socket is gone: %v", err)
	}
}

func TestListenErrorsNameTheCause(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ name, path, group, want string }{
		{"a group that does not exist", filepath.Join(dir, "s"), "no-such-group", "unknown group"},
		{"a parent that does not exist", filepath.Join(dir, "a", "b", "s"), "", "no such file"},
		{"a path that is too long", filepath.Join(dir, strings.Repeat("x", 120)), "", "invalid argument"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := api.Listen(c.path, 0o600, c.group)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.path) {
				t.Errorf("got %v, want the path and %q", err, c.want)
			}
		})
	}
}

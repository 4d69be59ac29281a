//go:build integration

package lab

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func needRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: network namespaces")
	}
}

func TestALabLeavesNothingBehind(t *testing.T) {
	needRoot(t)
	l, err := New()
	must(t, err)
	for _, name := range []string{"a", "b"} {
		_, err := l.AddHost(name, "port-"+name, Link{MTU: 9000, Queues: 2})
		must(t, err)
	}
	links, err := l.Switch.Links()
	must(t, err)
	if want := []string{"port-a", "port-b"}; !slices.Equal(links, want) {
		t.Errorf("links of the switch: got %v, want %v", links, want)
	}
	var inodes []uint64
	for _, n := range l.Namespaces() {
		inodes = append(inodes, n.Inode())
	}
	if got := inside(inodes); len(got) != 3 {
		t.Errorf("threads in the lab's namespaces: got %v, want one in each of three", got)
	}
	held, err := HoldAll(l.Namespaces())
	must(t, err)
	must(t, l.Close())
	if left := Left(held); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

func TestALinkComesAndGoes(t *testing.T) {
	needRoot(t)
	l, err := New()
	must(t, err)
	defer func() { must(t, l.Close()) }()
	h, err := l.AddHost("a", "p1", Link{})
	must(t, err)
	must(t, l.Switch.SetLink("p1", false))
	must(t, l.Switch.SetMTU("p1", 2000))
	must(t, l.Switch.DelLink("p1"))
	if err := h.SetLink(HostLink, true); err == nil {
		t.Error("the host's end is still there when the other was removed")
	}
	must(t, h.Connect())
	must(t, h.SetLink(HostLink, true))
}

func TestAChildDiesWithItsNamespace(t *testing.T) {
	needRoot(t)
	n, err := NewNamespace("n")
	must(t, err)
	cmd := exec.Command("sleep", "60")
	must(t, n.Start(cmd))
	if got := inside([]uint64{n.Inode()}); len(got) != 2 {
		t.Errorf("in the namespace: got %v, want the thread and the child", got)
	}
	must(t, cmd.Process.Kill())
	cmd.Wait()
	held, err := n.Hold()
	must(t, err)
	must(t, n.Close())
	if left := Left([]Hold{held}); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

func TestOneChildHasANiceValueAndTheNextHasNot(t *testing.T) {
	needRoot(t)
	n, err := NewNamespace("n")
	must(t, err)
	defer func() { must(t, n.Close()) }()
	var own string
	for _, c := range []struct {
		start func(*exec.Cmd) error
		want  string // "": this process's
	}{
		{n.Start, ""},
		{func(cmd *exec.Cmd) error { return n.StartNice(cmd, -7) }, "-7"},
		{n.Start, ""},
	} {
		cmd := exec.Command("nice") // says what it has
		var out strings.Builder
		cmd.Stdout = &out
		must(t, c.start(cmd))
		must(t, cmd.Wait())
		got := strings.TrimSpace(out.String())
		if own == "" {
			own = got
		}
		if want := cmp.Or(c.want, own); got != want {
			t.Errorf("the nice value is %s, want %s", got, want)
		}
	}
	must(t, n.MayNice(-20))
}

// The test binary runs itself as a user without any capability.
func TestWhatIsMissingIsNamed(t *testing.T) {
	if os.Getenv("LAB_TELL_MISSING") != "" {
		for _, l := range Missing() {
			os.Stdout.WriteString("missing " + l.String() + "\n")
		}
		return
	}
	needRoot(t)
	if _, err := exec.LookPath("setpriv"); err != nil {
		t.Skip("needs setpriv (util-linux)")
	}
	// A copy that anybody may execute: the test binary's own directory is closed to other users.
	dir, err := os.MkdirTemp("/tmp", "lab-test-")
	must(t, err)
	defer os.RemoveAll(dir)
	must(t, os.Chmod(dir, 0o755))
	self, err := os.ReadFile(os.Args[0])
	must(t, err)
	bin := filepath.Join(dir, "lab.test")
	must(t, os.WriteFile(bin, self, 0o755))
	cmd := exec.Command("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", bin, "-test.run=^TestWhatIsMissingIsNamed$")
	cmd.Env = append(os.Environ(), "LAB_TELL_MISSING=1")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	must(t, err)
	for _, want := range []string{"CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_NET_RAW"} {
		if !strings.Contains(string(out), "missing root: this process lacks "+want) {
			t.Errorf("got %q, want %s named", out, want)
		}
	}
}

func TestScratchOfTheDeadIsRemovedAndOfTheLivingIsNot(t *testing.T) {
	prefix := "lab-scratch-" + time.Now().Format("150405.000000") + "-"
	alive, removed, err := NewScratch(prefix)
	must(t, err)
	if removed != nil {
		t.Errorf("first: removed %v, want nothing", removed)
	}
	dead, err := os.MkdirTemp("", prefix)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dead, "file"), nil, 0o600))
	again, removed, err := NewScratch(prefix)
	must(t, err)
	if !slices.Equal(removed, []string{dead}) {
		t.Errorf("second: removed %v, want %v", removed, dead)
	}
	for _, s := range []*Scratch{alive, again} {
		must(t, s.Close())
		if _, err := os.Stat(s.Path); !os.IsNotExist(err) {
			t.Errorf("%s: want it gone, got %v", s.Path, err)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

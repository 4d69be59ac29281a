package table

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/encap/vtep"
	"github.com/culvertdev/culvert/encap/vtep/vteptest"
)

var guest = vtep.ForMAC(7, [6]byte{2, 0, 0, 0, 0, 1})

// A file is a table in a file that tests change.
type file struct {
	t    *testing.T
	path string
	*Plugin
	sink *vteptest.Sink
	now  int64
}

func newFile(t *testing.T, text string) *file {
	t.Helper()
	f := &file{t: t, path: filepath.Join(t.TempDir(), "table"), sink: vteptest.NewSink()}
	f.write(text)
	p, err := New(f.path)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(f.sink); err != nil {
		t.Fatal(err)
	}
	f.Plugin = p
	return f
}

// write puts another file in the place of the one there is.
func (f *file) write(text string) {
	f.t.Helper()
	next := f.path + ".next"
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Rename(next, f.path); err != nil {
		f.t.Fatal(err)
	}
}

func (f *file) tick() {
	f.now += int64(lookEvery)
	f.Tick(f.now)
}

func (f *file) expect(q vtep.Question, end string) {
	f.t.Helper()
	if err := f.Ask(q); err != nil {
		f.t.Fatal(err)
	}
	got := ""
	if a, _ := f.sink.Got(q); !a.None() {
		got = a.Ends[0].String()
	}
	if got != end {
		f.t.Fatalf("%v: at %q, want %q", q, got, end)
	}
}

func TestAChangedFileInvalidatesWhatChangedInIt(t *testing.T) {
	f := newFile(t, "vni 7 mac 02:00:00:00:00:01 end 192.0.2.1\nvni 8 mac 02:00:00:00:00:01 end 192.0.2.1\n")
	f.expect(guest, "192.0.2.1")
	f.write("vni 7 mac 02:00:00:00:00:01 end 192.0.2.2\nvni 8 mac 02:00:00:00:00:01 end 192.0.2.1\n")
	f.tick()
	f.expect(guest, "192.0.2.2")
	scopes := f.sink.Scopes()
	if len(scopes) != 2 { // the guest, and where its network floods to
		t.Fatalf("invalidated: %v", scopes)
	}
	for _, s := range scopes {
		if s.What != vtep.One || s.Question.VNI != 7 {
			t.Errorf("invalidated: %v", s)
		}
	}
}

func TestAWrongOrMissingFileKeepsTheTable(t *testing.T) {
	f := newFile(t, "vni 7 mac 02:00:00:00:00:01 end 192.0.2.1\n")
	f.write("vni 7 mac 02:00:00:00:00:01 end 192.0.2.2\nvni 8 moc\n")
	f.tick()
	f.expect(guest, "192.0.2.1")
	if s := f.Status(); !s.Up || !strings.HasSuffix(s.Text, `table:2:7: "moc" instead of "mac" or "flood"`) {
		t.Errorf("status %+v", s)
	}
	if err := os.Remove(f.path); err != nil {
		t.Fatal(err)
	}
	f.tick()
	f.tick()
	f.expect(guest, "192.0.2.1")
	if f.faults != 2 {
		t.Errorf("%d faults", f.faults)
	}
	f.write("")
	f.tick()
	f.expect(guest, "")
	if s := f.Status(); strings.Contains(s.Text, "before") {
		t.Errorf("status %+v", s)
	}
}

func TestAFileIsLookedAtOnceASecond(t *testing.T) {
	f := newFile(t, "")
	f.tick()
	f.write("vni 7 mac 02:00:00:00:00:01 end 192.0.2.1\n")
	f.Tick(f.now + int64(lookEvery) - 1)
	f.expect(guest, "")
	f.Tick(f.now + int64(lookEvery))
	f.expect(guest, "192.0.2.1")
}

func TestWhatIsNotAFileIsAnErrorFromTheStart(t *testing.T) {
	for _, path := range []string{t.TempDir(), filepath.Join(t.TempDir(), "missing"), os.DevNull} {
		if _, err := New(path); err == nil {
			t.Errorf("%s is taken", path)
		}
	}
}

// With a Directory in front, as in the switch: a guest that moves in the file moves in what is cached.
func TestADirectoryFollowsTheFile(t *testing.T) {
	f := newFile(t, "vni 7 mac 02:00:00:00:00:01 end 192.0.2.1\n")
	d, err := vtep.New(vtep.Options{Clock: func() int64 { return f.now }}, f.Plugin, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if r := d.Ask(guest, true); r.State != vtep.Known || r.Answer.Ends[0].String() != "192.0.2.1" {
		t.Fatalf("%+v", r)
	}
	f.write("vni 7 mac 02:00:00:00:00:01 end 192.0.2.2\n")
	f.now += int64(time.Second)
	d.Tick()
	if r := d.Ask(guest, true); r.State != vtep.Known || r.Answer.Ends[0].String() != "192.0.2.2" {
		t.Fatalf("%+v", r)
	}
}

// TestWhoAsksDoesNotWaitForTheFile: a table may be long, and its disk slow.
func TestWhoAsksDoesNotWaitForTheFile(t *testing.T) {
	f := newFile(t, "vni 7 mac 02:00:00:00:00:01 end 192.0.2.1\n")
	f.write("vni 7 mac 02:00:00:00:00:01 end 192.0.2.2\n")
	reading, on := make(chan bool), make(chan bool)
	f.read = func(path string) (answers, os.FileInfo, error) {
		close(reading)
		<-on
		return read(path)
	}
	ticked := make(chan bool)
	go func() {
		defer close(ticked)
		f.tick()
	}()
	<-reading
	asked := make(chan bool)
	go func() {
		defer close(asked)
		_ = f.Ask(guest)
		f.Status()
	}()
	select {
	case <-asked:
	case <-time.After(5 * time.Second):
		t.Error("who asks waits for the file")
	}
	close(on)
	<-ticked
	<-asked
	f.expect(guest, "192.0.2.2")
}

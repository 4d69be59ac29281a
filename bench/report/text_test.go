package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/result"
)

// mpps is a window with a rate in Mpps.
func mpps(contender string, turn int, rate float64, class string) result.Window {
	return result.Window{Contender: contender, Round: 1, Turn: turn, Class: class, Figures: map[string]float64{"rate": rate * 1e6}}
}

func ratesRow(name string, flows int, windows ...result.Window) result.Row {
	return result.Row{
		Name: name, Traffic: result.Traffic{Task: "exact match", Flows: flows, FrameBytes: 60, Directions: 2, Protocol: "IPv4, UDP", Rules: []string{"ip,actions=output:2"}},
		Measures:   []result.Measure{{Name: "rate", Unit: "packets/s", Better: result.More, Bounded: true}},
		Contenders: []result.Contender{{Name: "culvert", Version: "v1"}, {Name: "ovs", Version: "3.1"}}, Windows: windows,
	}
}

func runOf(rows ...result.Row) *result.Run {
	return &result.Run{
		Schema: result.Schema, Program: "vhost", Title: "Between vhost-user ports", Started: time.Unix(1e9, 0).UTC(), Commands: []string{"make bench"},
		Machine: machine.Fingerprint{CPU: "X", CPUs: 2, CPUsPerCore: 1, Nodes: 1, Kernel: "Linux 6.1", Memory: 1 << 32}, Rows: rows,
	}
}

func TestOnlyWindowsOfOneClassAreTakenTogether(t *testing.T) {
	other := mpps("ovs", 6, 99, "near")
	other.LeftOut = "looked up otherwise"
	disturbed := mpps("culvert", 2, 5, "near")
	disturbed.Disturbed = "others used 50 %"
	alone := mpps("ovs", 7, 9, "far")
	alone.Disturbed = "others used 50 %"
	limited := mpps("culvert", 4, 8, "far")
	limited.Limited = true
	run := runOf(ratesRow("port rule", 0,
		mpps("culvert", 0, 20, "near"), mpps("culvert", 1, 22, "near"), disturbed, mpps("ovs", 3, 14, "near"), limited, alone, other))
	var b bytes.Buffer
	if err := Text(&b, run); err != nil {
		t.Fatal(err)
	}
	want := `Between vhost-user ports
X, 2 CPUs, Linux 6.1

port rule
    rate   culvert   21.0 Mpps (20.0 to 22.0)            2 windows
           ovs       14.0 Mpps                  1.50 ×   1 window

port rule, CPUs far
    rate   culvert   ≥ 8.00 Mpps              1 window
           ovs       9.00 Mpps *   ≥ 0.89 ×   1 window

Medians of windows of one class, and where the median lies with 95 % certainty; of fewer than six windows, their range.
Of windows in turns those of one start are one figure here where there are several starts.
×: the first one's figure to this one's; in turns that of neighbours, and where it lies.
CPUs near (how far they are from each other) where nothing else is said.
* others disturbed all windows of the class.
≥, ≤: at least, at most: the generator was the limit, or a search had no trials or time left; what the switch could do is not known.
port rule: 1 window left out: looked up otherwise
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestAWindowThatWentWrongDoesNotSetTheUnit(t *testing.T) {
	row := ratesRow("port rule", 0)
	row.Measures = []result.Measure{{Name: "CPU time", Unit: "ns", Better: result.Less}}
	for turn, ns := range []float64{200, 210, 1_090_000} {
		row.Windows = append(row.Windows, result.Window{Contender: "culvert", Round: 1, Turn: turn, Figures: map[string]float64{"CPU time": ns}})
	}
	var b bytes.Buffer
	if err := Text(&b, runOf(row)); err != nil || !strings.Contains(b.String(), "210 ns (200 to 1090000)") {
		t.Errorf("got %v: %s", err, b.String())
	}
}

func TestFiguresAreInUnitsThatPeopleRead(t *testing.T) {
	for _, c := range []struct {
		kept string
		v    float64
		want string
	}{
		{"packets/s", 17.42e6, "17.4 Mpps"}, {"packets/s", 587_000, "0.587 Mpps"}, {"packets/s", 9_999, "10.00 kpps"}, {"packets/s", 12, "12.0 pps"},
		{"ns", 900, "900 ns"}, {"ns", 43_210, "43.2 µs"}, {"ns", 2.5e6, "2.50 ms"}, {"bit/s", 3.22e9, "3.22 Gbit/s"},
		{"share", 0.0123, "1.23 %"}, {"cycles a packet", 226.4, "226 cycles a packet"}, {"", 0, "0"}, {"x", 1.5e9, "1.5e+09 x"},
	} {
		if got := UnitOf(c.kept, c.v).Text(c.v); got != c.want {
			t.Errorf("%v %s: got %q, want %q", c.v, c.kept, got, c.want)
		}
	}
}

func TestProgressOnATerminalKeepsToOneLine(t *testing.T) {
	var b bytes.Buffer
	now := time.Unix(0, 0)
	p := newProgress(&b, 4, func() int { return 45 }, func() time.Time { return now })
	p.Skip()
	p.Begin("split, 64 bytes: culvert")
	now = now.Add(30 * time.Second)
	p.Done()
	if _, err := p.Write([]byte("one window\n")); err != nil {
		t.Fatal(err)
	}
	p.Begin("a name that is far too long for the line of a terminal")
	p.Close()
	const erase = "\r\x1b[K"
	want := "[2 of 4] ██▌         split, 64 bytes: culver" + erase +
		"[3 of 4] █████      60 s left  split, 64 byt" + erase + "one window\n" +
		"[3 of 4] █████      60 s left  split, 64 byt" + erase +
		"[3 of 4] █████      60 s left  a name that i" + erase
	if b.String() != want {
		t.Errorf("got  %q\nwant %q", b.String(), want)
	}
}

func TestProgressElsewhereWritesNothingOfItself(t *testing.T) {
	var b strings.Builder
	p := newProgress(&b, 4, func() int { return 0 }, time.Now)
	p.Begin("split, 64 bytes: culvert")
	if _, err := p.Write([]byte("one window\n")); err != nil {
		t.Fatal(err)
	}
	p.Done()
	p.Close()
	if b.String() != "one window\n" {
		t.Errorf("got %q", b.String())
	}
}

func TestProgressOfWhatIsNoFileGoesThere(t *testing.T) {
	var b bytes.Buffer
	p := NewProgress(&b, 1)
	p.Begin("a row")
	fmt.Fprintln(p, "a line that stays")
	p.Done()
	p.Close()
	if got, want := b.String(), "a line that stays\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTheTimeThatIsLeft(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0 s", 89 * time.Second: "89 s", 10 * time.Minute: "10 min"} {
		if got := remaining(d); got != want {
			t.Errorf("%v: got %q, want %q", d, got, want)
		}
	}
}

package main

import (
	"bytes"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/machine"
)

func TestAPlanHasTheCellsThatWereAskedFor(t *testing.T) {
	cells, err := plan("split,packed", "64,1518", "0,1")
	if err != nil || len(cells) != 8 || cells[0] != (cell{"split", 64, "no look-up"}) || cells[7] != (cell{"packed", 1518, "rule on the port alone"}) {
		t.Errorf("got %v, %v", cells, err)
	}
	for _, wrong := range [][3]string{{"round", "64", ""}, {"split", "63", ""}, {"split", "9000", ""}, {"split", "x", ""}, {"split", "64", "9"}} {
		if cells, err := plan(wrong[0], wrong[1], wrong[2]); err == nil {
			t.Errorf("%q: got %v, want an error", wrong, cells)
		}
	}
}

// window makes a sample of a rate in Mpps, with a distance before and after and the share others used.
func window(contender string, turn int, rate float64, before, after machine.Distance, used float64) sample {
	return sample{
		cell: cell{"split", 64, "rule on the port alone"}, Contender: contender, Round: 1, Turn: turn,
		AsSaid: 1, Rate: rate * 1e6, Distance: [2]machine.Distance{before, after}, Used: [2]float64{0, used},
	}
}

func TestOnlyWindowsOfOneClassAreCompared(t *testing.T) {
	r := new(report)
	otherwise := window("ovs", 6, 99, 70, 80, 0)
	otherwise.AsSaid = 0.5
	for _, s := range []sample{
		window("culvert", 0, 20, 70, 80, 0),
		window("culvert", 1, 22, 70, 80, 0),
		window("culvert", 2, 5, 70, 80, 0.5), // disturbed
		window("ovs", 3, 14, 70, 80, 0),
		window("culvert", 4, 8, 400, 400, 0),
		window("ovs", 5, 10, 70, 400, 0), // moved apart meanwhile
		otherwise,
	} {
		if err := r.add(s); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	r.print(&out)
	var rows [][]string
	for line := range strings.Lines(out.String()) {
		if strings.HasPrefix(line, "split") {
			rows = append(rows, strings.Fields(line))
		}
	}
	for i, want := range []string{
		"near culvert 21.00 Mpps ovs 14.00 Mpps 1.50 3",
		"far culvert 8.00 Mpps ovs 0.00 Mpps 1",
		"mixed culvert 0.00 Mpps ovs 10.00 Mpps 1",
	} {
		if i >= len(rows) || strings.Join(rows[i][7:], " ") != want {
			t.Errorf("want %q in line %d of:\n%s", want, i, out.String())
		}
	}
}

func TestARunGoesOnWhereOneBeforeItEnded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "samples.json")
	first := new(report)
	if err := first.open(path); err != nil {
		t.Fatal(err)
	}
	s := window("culvert", 0, 20, 70, 80, 0)
	s.Half = 3 * time.Microsecond
	if err := first.add(s); err != nil {
		t.Fatal(err)
	}
	second := new(report)
	if err := second.open(path); err != nil {
		t.Fatal(err)
	}
	if len(second.Samples) != 1 || !reflect.DeepEqual(second.Samples[0], s) {
		t.Errorf("got %+v, want %+v", second.Samples, s)
	}
	if !second.has(s.cell, "culvert", 1, 0) || second.has(s.cell, "culvert", 1, 3) || second.has(s.cell, "ovs", 1, 0) {
		t.Error("it does not know which windows there are")
	}
	if err := new(report).open(t.TempDir()); err == nil {
		t.Error("a folder is taken for a report")
	}
}

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/compare"
	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/result"
)

// benchRun saves a run with eight windows of each switch, culvert's at about this rate, and returns its file.
func benchRun(t *testing.T, version string, mpps float64, change func(*result.Run)) string {
	t.Helper()
	row := result.Row{
		Name: "packed, 64 bytes, exact match, 1024 flows", Traffic: result.Traffic{Task: "exact match", Flows: 1024, FrameBytes: 60},
		Measures:   []result.Measure{{Name: "rate", Unit: "packets/s", Better: result.More}},
		Contenders: []result.Contender{{Name: "culvert", Version: version}, {Name: "ovs", Version: "3.1.0"}},
	}
	for i := range 16 {
		name, rate := "culvert", mpps
		if i%4 == 1 || i%4 == 2 {
			name, rate = "ovs", 13.3
		}
		row.Windows = append(row.Windows, result.Window{
			Contender: name, Round: 1 + i/4, Turn: i % 4, Class: "near", Figures: map[string]float64{"rate": 1e6 * (rate + float64(i)/100)}})
	}
	run := &result.Run{
		Schema: result.Schema, Program: "vhost", Title: "Between vhost-user ports", Started: time.Unix(1e9, 0).UTC(),
		Machine: machine.Fingerprint{CPU: "A CPU", CPUs: 2, CPUsPerCore: 1, Nodes: 1, Kernel: "Linux 6.1"}, Rows: []result.Row{row},
	}
	if change != nil {
		change(run)
	}
	path := filepath.Join(t.TempDir(), version+".json")
	if err := run.Save(path); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRunsOfTheBenchAreShownAndCompared(t *testing.T) {
	before, after, slower := benchRun(t, "v1", 20, nil), benchRun(t, "v2", 21, nil), benchRun(t, "v3", 18, nil)
	elsewhere := benchRun(t, "v4", 20, func(r *result.Run) { r.Machine.CPU = "Another CPU" })
	few := benchRun(t, "v5", 20, func(r *result.Run) { r.Rows[0].Windows = r.Rows[0].Windows[:1] })
	busy := benchRun(t, "v6", 10, func(r *result.Run) {
		for i := range r.Rows[0].Windows {
			r.Rows[0].Windows[i].Disturbed = "others used 90 %"
		}
	})
	wrong := filepath.Join(t.TempDir(), "wrong.json")
	if err := os.WriteFile(wrong, []byte(`{"schema":9}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, golden string
		args         []string
		code         int
		errs         string
	}{
		{"a run", "bench-report", []string{"report", before}, exitOK, ""},
		{"a gain", "bench-compare", []string{"compare", before, after}, exitOK, ""},
		{"a loss", "bench-compare-loss", []string{"compare", before, slower}, exitLoss, "a loss beyond the tolerance: 1 of 1 figures of culvert lose more than 5 %"},
		{"a loss that is tolerated", "", []string{"compare", before, slower, "--tolerance", "0.2"}, exitOK, ""},
		{"no loss of another", "", []string{"compare", before, slower, "--contender", "ovs"}, exitOK, ""},
		{"a contender that is not there", "", []string{"compare", before, slower, "--contender", "vpp"}, exitFailed, "nothing could be compared of vpp"},
		{"too few windows", "", []string{"compare", few, slower}, exitFailed, "nothing could be compared of culvert"},
		{"others at work in one run", "", []string{"compare", before, busy}, exitDisturbed, "others disturbed all windows of a run in what it has of culvert (figures: 1)"},
		{"others at work in both runs", "", []string{"compare", busy, busy}, exitDisturbed, "measure again on a machine that is left alone"},
		{"two machines", "", []string{"compare", before, elsewhere}, exitFailed, "CPU: A CPU and Another CPU"},
		{"two machines, as asked for", "", []string{"compare", before, elsewhere, "--any-machine"}, exitOK, ""},
		{"a bad tolerance", "", []string{"compare", before, after, "--tolerance", "500%"}, exitUsage, "want a share"},
		{"a file of a later program", "", []string{"report", wrong}, exitFailed, "schema 9: this program reads 1"},
		{"a file that is not there", "", []string{"report", wrong + "x"}, exitFailed, "no such file"},
		{"a page where there is no folder", "", []string{"report", before, "--html", wrong + "/x"}, exitFailed, "not a directory"},
		{"help", "help-bench-compare", []string{"compare", "--help"}, exitOK, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, errs, code := culvert(t, "", append([]string{"bench"}, c.args...)...)
			if code != c.code || !strings.Contains(errs, c.errs) || c.errs == "" && errs != "" {
				t.Errorf("exit code %d, %q; want %d with %q", code, errs, c.code, c.errs)
			}
			if c.golden != "" {
				sameAsFile(t, c.golden, out)
			}
		})
	}
}

func TestRunsOfTheBenchForPrograms(t *testing.T) {
	before, slower := benchRun(t, "v1", 20, nil), benchRun(t, "v3", 18, nil)
	out, _, code := culvert(t, "", "bench", "compare", before, slower, "--json")
	var r compare.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != exitLoss || len(r.Changes) != 2 || r.Changes[0].Verdict != compare.Worse {
		t.Errorf("exit code %d, %v: %s", code, err, out)
	}
	out, errs, code := culvert(t, "", "bench", "report", before, "--json")
	var list []struct {
		Row        string
		Contenders []struct{ Median float64 }
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil || code != exitOK || len(list) != 1 || len(list[0].Contenders) != 2 || list[0].Contenders[0].Median < 20e6 {
		t.Errorf("exit code %d, %s, %v: %s", code, errs, err, out)
	}
	page := filepath.Join(t.TempDir(), "run.html")
	if out, errs, code := culvert(t, "", "bench", "report", before, "--html", page); code != exitOK || out+errs != "" {
		t.Errorf("exit code %d, %s%s", code, out, errs)
	}
	if text, err := os.ReadFile(page); err != nil || !strings.HasPrefix(string(text), "<!DOCTYPE html>") {
		t.Errorf("the page begins with %.40s, %v", text, err)
	}
}

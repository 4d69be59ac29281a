package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/gen"
	"github.com/culvertdev/culvert/bench/method"
)

// The two ends of a link in memory stand for a switch that forwards all.
var linked = []string{"a=memory,link=l,mtu=9000", "b=memory,link=l,mtu=9000"}

func TestFramesAreSentBetweenTwoPorts(t *testing.T) {
	args := append([]string{"bench", "send", "--rest", "--time", "30s", "--rate", "20000", "--count", "300", "--both", "--flows", "50", "--tunnel", "vxlan:7"}, linked...)
	out, errs, code := culvert(t, "", args...)
	for _, want := range []string{"a to b: ", "b to a: ", "0 of 300 lost (0.0000 %)", "reordered 0 (by 0 at most), twice 0", "latency: least "} {
		if code != exitOK || !strings.Contains(out, want) {
			t.Fatalf("exit code %d, %s, want %q in:\n%s", code, errs, want, out)
		}
	}
	out, errs, code = culvert(t, "", append(args, "--json")...)
	var r gen.Result
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != exitOK || len(r.Streams) != 2 || r.Streams[1].Received != 300 {
		t.Errorf("exit code %d, %v, %s: %+v", code, err, errs, r)
	}
}

func TestTheGeneratorSaysFirstWhatItCanDo(t *testing.T) {
	args := append([]string{"bench", "send", "--rest", "--time", "30s", "--rate", "20000", "--count", "100", "--self", "50ms"}, linked...)
	if out, errs, code := culvert(t, "", args...); code != exitOK || !strings.HasPrefix(out, "the generator by itself, back to back in memory: ") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	if out, errs, code := culvert(t, "", append(args, "--self", "0s")...); code != exitOK || !strings.HasPrefix(out, "a to b: ") {
		t.Errorf("not at all: exit code %d: %s%s", code, out, errs)
	}
}

func TestACaptureIsSent(t *testing.T) {
	args := append([]string{"bench", "send", "--rest", "--time", "10s", "--capture", captured(t, toWeb, toDNS), "--speed", "20", "--repeat", "3"}, linked...)
	out, errs, code := culvert(t, "", args...)
	if code != exitOK || !strings.Contains(out, "0 of 6 lost") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	for name, wrong := range map[string][]string{"it goes one way": {"--both"}, "it has its own times": {"--rate", "100"}, "there is no such file": {"--capture", "/nowhere.pcap"}} {
		if out, errs, code := culvert(t, "", append(args, wrong...)...); code == exitOK {
			t.Errorf("%s: exit code %d: %s%s", name, code, out, errs)
		}
	}
}

// A machine that goes elsewhere between the search and what is measured at shares of its answer is waited for.
func TestLatencyBelowARateIsMeasuredInTheStateThatTheRateWasFoundIn(t *testing.T) {
	var searched, away int
	trial := func(_ context.Context, rate float64, d time.Duration) (method.Outcome, error) {
		o := method.Outcome{Offered: uint64(rate * d.Seconds()), Probes: []float64{100, 101}, P50: 1000}
		if rate > 500 {
			o.Lost = o.Offered / 2
		}
		if rate < 100 { // a tenth of the answer, below all that was searched
			if away++; away == 1 {
				o.Probes = []float64{400, 401}
			}
		}
		searched++
		return o, nil
	}
	c := benchSearchCmd{Max: 1000, Loss: []float64{0}, Precision: 0.05, Time: time.Second}
	a, err := c.search(t.Context(), trial)
	if err != nil || len(a.Latency) != 3 || away != 2 || searched != len(a.Trials)+4 {
		t.Fatalf("%v: %d latencies by %d trials behind a search of %d, %d of a tenth", err, len(a.Latency), searched-len(a.Trials), len(a.Trials), away)
	}
	for _, l := range a.Latency {
		if l.Class != a.Found[0].Passed.Class || l.Limited() {
			t.Errorf("at %v it is of class %q, %q; the rate is of %q", l.Rate, l.Class, l.Limits, a.Found[0].Passed.Class)
		}
	}
}

// One trial in three loses a frame, at whatever rate.
func TestASearchForgivesWhatItIsToldTo(t *testing.T) {
	for _, exceed := range []float64{0, 0.5} {
		c := benchSearchCmd{Max: 1000, Loss: []float64{0}, Precision: 0.05, Time: time.Second, Sum: 3 * time.Second, Exceed: exceed}
		made := 0
		a, err := c.search(t.Context(), func(_ context.Context, rate float64, d time.Duration) (o method.Outcome, err error) {
			made++
			o.Offered = uint64(rate * d.Seconds())
			if made%3 == 0 || rate > 600 {
				o.Lost = 1
			}
			return o, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		a.print(&out)
		if rate := a.Found[0].Rate(); (rate > 570) != (exceed > 0) || strings.Contains(out.String(), "(more in 1 of 3 trials): ") != (exceed > 0) {
			t.Errorf("--exceed %v: found %.0f, said %s", exceed, rate, out.String())
		}
	}
}

func TestARateIsSearchedFor(t *testing.T) {
	args := append([]string{"bench", "search", "--rest", "--time", "100ms", "--self", "20ms", "--warm", "10ms", "--max", "2000", "--loss", "0.9"}, linked...)
	out, errs, code := culvert(t, "", args...)
	// On a machine that others use the generator may be the limit of any of these short trials.
	if code != exitOK || !strings.HasPrefix(out, "the generator by itself, ") || !strings.Contains(out, "\nloss of at most 90 %: ") || strings.Count(out, "latency at") != 3 && !strings.Contains(out, ": unknown: ") {
		t.Errorf("exit code %d:\n%s%s", code, out, errs)
	}
}

func TestTheGeneratorTakesCommands(t *testing.T) {
	out, errs, code := culvert(t, `{"id":5,"close":"x"}`+"\n", "bench", "gen", "--buffers", "64")
	if want := `{"id":5,"error":"no port \"x\", have "}` + "\n"; code != exitOK || out != want {
		t.Errorf("exit code %d, %s: %q, want %q", code, errs, out, want)
	}
}

func TestBenchCommandLinesThatAreWrong(t *testing.T) {
	for _, tt := range []struct{ want, line string }{
		{"1 ports, want 2", "send a=memory"},
		{`port "memory"`, "send memory b=memory"},
		{`port "a=memory,x"`, "send a=memory,x b=memory"},
		{`tunnel "vxlan"`, "send a=memory b=memory --tunnel vxlan"},
		{`tunnel "vxlan:16777216"`, "search a=memory b=memory --tunnel vxlan:16777216"},
	} {
		if _, errs, code := culvert(t, "", append([]string{"bench"}, strings.Fields(tt.line)...)...); code != exitUsage || !strings.Contains(errs, tt.want) {
			t.Errorf("%s: exit code %d, %q, want %q", tt.line, code, errs, tt.want)
		}
	}
}

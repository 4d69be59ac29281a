package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/bench/result"
	"github.com/culvertdev/culvert/bench/rows"
)

func TestMeasurementsAreKeptAsRowsOfARun(t *testing.T) {
	run := filepath.Join(t.TempDir(), "run.json")
	for _, c := range []struct {
		line, want string
		windows    map[string]int // by row
	}{
		{"load --warm 20ms --max 2000 --steps 2 --time 50ms", "2000 frames/s: ", map[string]int{"loss against load, 64 bytes": 1}},
		{"burst --warm 20ms --most 100", "longest burst without loss: 100 frames", map[string]int{"back to back, 64 bytes": 1}},
		{"recover --warm 20ms --throughput 1000 --time 100ms", "that was no overload", map[string]int{"recovery after overload, 64 bytes": 1}},
		{"flows --new 20 --rate 2000 --max 0", "20 new flows, 2000 a second", map[string]int{"first packets of flows, 64 bytes, 20 flows": 1}},
		{"flows --new 20 --rate 2000 --max 2000 --time 50ms", "new flows/s", map[string]int{"new flows, 64 bytes, 20 flows": 1, "first packets of flows, 64 bytes, 20 flows": 2}},
		{"disturb --name pause --do true --warm 20ms --rate 1000 --time 3s --after 1ms", "1 times at 1000 frames/s", map[string]int{"pause, 64 bytes": 1}},
		{"soak --warm 20ms --rate 1000 --time 120ms --interval 50ms --size imix", "2 intervals at 1000 frames/s", map[string]int{"soak, imix": 2}},
	} {
		t.Run(c.line, func(t *testing.T) {
			args := append([]string{"bench"}, strings.Fields(c.line)...)
			args = append(append(args, "--rest", "--self", "20ms", "--keep", run, "--switch", "link", "--switch-version", "1"), linked...)
			out, errs, code := culvert(t, "", args...)
			if code != exitOK || !strings.Contains(out, c.want) || !strings.HasPrefix(out, "the generator by itself, back to back in memory: ") {
				t.Fatalf("exit code %d, %s, want %q in:\n%s", code, errs, c.want, out)
			}
			kept, err := result.Load(run)
			if err != nil {
				t.Fatal(err)
			}
			for row, n := range c.windows {
				if i := kept.Index(row); i < 0 || len(kept.Rows[i].Windows) != n || kept.Rows[i].Contenders[0].Name != "link" {
					t.Errorf("row %q: want %d windows of it in %+v", row, n, kept.Rows)
				}
			}
		})
	}
	if out, errs, code := culvert(t, "", "bench", "report", run); code != exitOK || !strings.Contains(out, "longest burst") {
		t.Errorf("exit code %d, %s:\n%s", code, errs, out)
	}
}

func TestMeasurementsForPrograms(t *testing.T) {
	args := append([]string{"bench", "soak", "--warm", "0", "--rate", "1000", "--time", "50ms", "--interval", "50ms", "--rest", "--json"}, linked...)
	out, errs, code := culvert(t, "", args...)
	var s rows.Soak
	if err := json.Unmarshal([]byte(out), &s); err != nil || code != exitOK || len(s.Intervals) != 1 || s.Offered == 0 {
		t.Errorf("exit code %d, %v, %s:\n%s", code, err, errs, out)
	}
}

func TestMeasurementsThatCannotBe(t *testing.T) {
	for _, tt := range []struct {
		want, line string
		code       int
	}{
		{"2 ports, want 3: where addresses are shown", "learn a=memory b=memory", exitUsage},
		{"--nice 5: want -20 to 0", "run --nice 5 --plan", exitUsage},
		{"--nice -21: want -20 to 0", "run --nice=-21 --plan", exitUsage},
		{"0 steps", "load a=memory b=memory --steps 0", exitUsage},
		{"--throughput", "recover a=memory b=memory", exitUsage},
		{"--cpus, --switch-cpu: CPU 0 on both sides: want two", "burst " + strings.Join(linked, " ") + " --cpus 0 --switch-cpu 0", exitUsage},
		{"--cpus, --switch-cpu: CPU 4095 is not there, or offline", "burst " + strings.Join(linked, " ") + " --cpus 0 --switch-cpu 4095", exitUsage},
		{"while there is load", "disturb a=memory b=memory --do true --rate 1 --after 1m", exitUsage},
		{"exit 3: exit status 3", "disturb " + strings.Join(linked, " ") + " --do exit_3 --rate 100 --warm 0 --rest --time 1s --after 1ms", exitFailed},
		{"have the switch forget: false", "flows " + strings.Join(linked, " ") + " --forget false --rest", exitFailed},
	} {
		args := strings.Fields(tt.line)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "_", " ")
		}
		if _, errs, code := culvert(t, "", append([]string{"bench"}, args...)...); code != tt.code || !strings.Contains(errs, tt.want) {
			t.Errorf("%s: exit code %d, %q, want %d and %q", tt.line, code, errs, tt.code, tt.want)
		}
	}
}

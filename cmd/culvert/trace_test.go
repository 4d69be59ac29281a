package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/control/api"
)

const traced = "testdata/trace.yaml"

func TestTracesRead(t *testing.T) {
	in := captured(t, toDNS, toWeb)
	for name, args := range map[string][]string{
		"trace":         {"in_port=1,udp,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,nw_src=1.2.3.4,nw_dst=10.0.0.1,nw_ttl=64"},
		"trace-recirc":  {"in_port=4,udp", "-generate", "--names"},
		"trace-packet":  {"in_port=2", strings.ReplaceAll(toWeb, " ", "")},
		"trace-capture": {"--capture", in, "--frame", "2", "--in", "p1", "--names"},
		"trace-json":    {"in_port=p2,arp", "--json"},
		"help-trace":    {"--help"},
	} {
		t.Run(name, func(t *testing.T) {
			got, errs, code := culvert(t, "", append([]string{"trace", "--config", traced, "br0"}, args...)...)
			if code != exitOK || errs != "" {
				t.Fatalf("exit code %d, %s", code, errs)
			}
			sameAsFile(t, name, got)
		})
	}
}

func TestWhatCannotBeTracedIsSaid(t *testing.T) {
	in := captured(t, toDNS)
	for _, c := range []struct {
		name string
		args []string
		code int
		errs string
	}{
		{"no flow", nil, exitUsage, "want a flow with in_port"},
		{"no input port", []string{"udp"}, exitConfig, "want in_port"},
		{"a port that is not there", []string{"in_port=9"}, exitConfig, "want a port of the bridge (1 p1, 2 p2, 3 p3, 4 p4), found 9"},
		{"a field that is not there", []string{"in_port=1,zap=1"}, exitConfig, "zap: want a match field"},
		{"a field without its protocol", []string{"in_port=1,tp_dst=1"}, exitConfig, "flow: "},
		{"a packet that is none", []string{"in_port=1", "xyz"}, exitConfig, "want hexadecimal digits"},
		{"a packet that is too short", []string{"in_port=1", "020202"}, exitConfig, "want an Ethernet header"},
		{"a packet that is too long", []string{"in_port=1", strings.Repeat("00", 1<<20)}, exitConfig, "longer than the frame arena takes"},
		{"two packets", []string{"in_port=1", "020202", "-generate"}, exitConfig, "not both"},
		{"two packets, one captured", []string{"in_port=1", "020202", "--capture", in}, exitUsage, "one of them"},
		{"a frame beyond the end", []string{"--in", "p1", "--capture", in, "--frame", "2"}, exitUsage, "want 1 to 1"},
		{"a capture that is not there", []string{"--in", "p1", "--capture", in + "x"}, exitFailed, "no such file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, errs, code := culvert(t, "", append([]string{"trace", "--config", traced, "br0"}, c.args...)...)
			if code != c.code || !strings.Contains(errs, c.errs) {
				t.Errorf("exit code %d, %q; want %d with %q", code, errs, c.code, c.errs)
			}
		})
	}
	_, errs, code := culvert(t, "", "trace", "--config", traced, "br9", "in_port=1")
	if code != exitFailed || !strings.Contains(errs, "bridge br9: no such bridge") {
		t.Errorf("exit code %d, %q", code, errs)
	}
}

func TestATraceOfTheDaemonIsAskedForOverItsSocket(t *testing.T) {
	var asked api.TraceQuery
	m := api.NewMux(slog.New(slog.DiscardHandler))
	api.Handle(m, api.Trace, func(_ context.Context, q api.TraceQuery) (api.TraceAnswer, error) {
		asked = q
		return api.TraceAnswer{Text: "the text\n"}, nil
	})
	path := filepath.Join(t.TempDir(), "s")
	l, err := api.Listen(path, 0o600, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- api.NewServer(m, slog.New(slog.DiscardHandler)).Serve(ctx, l) }()
	out, errs, code := culvert(t, "", "--socket", path, "trace", "br0", "in_port=1,udp", "-generate")
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	want := api.TraceQuery{Bridge: "br0", Flow: "in_port=1,udp", Generate: true}
	if code != exitOK || out != "the text\n" || asked != want {
		t.Errorf("%q, %q, exit code %d, asked %+v", out, errs, code, asked)
	}
}

func TestATraceIsAlsoForPrograms(t *testing.T) {
	out, _, code := culvert(t, "", "trace", "--json", "--config", traced, "br0", "in_port=4,udp")
	var a api.TraceAnswer
	if err := json.Unmarshal([]byte(out), &a); err != nil || code != exitOK {
		t.Fatalf("%v, exit code %d", err, code)
	}
	if len(a.Looks) != 2 || a.Looks[0].RecircID != 0 || a.Looks[1].RecircID == 0 || a.Looks[1].Actions != "2" || a.Looks[1].Cache != "slow" {
		t.Errorf("got %+v", a.Looks)
	}
}

func TestOptionsMayBeSpelledAsOpenVSwitchHasThem(t *testing.T) {
	for given, want := range map[string]string{
		"trace br0 in_port=1 -generate":     "trace br0 in_port=1 --generate",
		"flow dump br0 --sort":              "flow dump br0 --sort=priority",
		"flow dump br0 --rsort --no-stats":  "flow dump br0 --rsort=priority --no-stats",
		"flow dump br0 --sort=nw_src":       "flow dump br0 --sort=nw_src",
		"flow dump br0 --sort nw_src":       "flow dump br0 --sort nw_src",
		"flow add br0 priority=5,actions=2": "flow add br0 priority=5,actions=2",
	} {
		if got := strings.Join(ovsSpelling(strings.Fields(given)), " "); got != want {
			t.Errorf("%q becomes %q, want %q", given, got, want)
		}
	}
}

package flood

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// asFlood makes the test program behave as a flood's process.
const asFlood = "CULVERT_TEST_FLOOD"

func TestMain(m *testing.M) {
	if os.Getenv(asFlood) != "" {
		if err := Serve(context.Background(), os.Stdin, os.Stdout); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// process starts a flood in a process of its own.
func process(t *testing.T, o Options) (*Client, [2]string, error) {
	t.Helper()
	o.Sockets, o.CPU = sockets(t), -1
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asFlood+"=1")
	cmd.Stderr = os.Stderr
	c, err := Start(cmd, nil, o)
	return c, o.Sockets, err
}

func TestAFloodIsAProcessOfItsOwn(t *testing.T) {
	c, at, err := process(t, Options{Both: true, Packed: true, Frames: small()})
	must(t, err)
	connect(t, joined(), at)
	must(t, c.Link(patient(t)))
	must(t, c.Check(patient(t), 2000))
	if n, err := c.Count(); err != nil || n.Received < 2000 || n.Offered < n.Received {
		t.Errorf("%+v, %v, want 2000 packets or more", n, err)
	}
	if c.PID() == os.Getpid() {
		t.Error("it has the process of the test")
	}
	must(t, c.Close())
}

func TestAProcessSaysWhatItCannotDo(t *testing.T) {
	c, _, err := process(t, Options{Frames: small()})
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := c.Link(ctx); err == nil || !strings.Contains(err.Error(), "wait for the switch to connect") {
		t.Errorf("without a switch: %v", err)
	}
	if err := c.Check(t.Context(), 0); err == nil || !strings.Contains(err.Error(), "a check of 0 packets") {
		t.Errorf("nothing to check: %v", err)
	}
	must(t, c.Close())
	if _, _, err := process(t, Options{Both: true, Out: true}); err == nil || !strings.Contains(err.Error(), "both ways") {
		t.Errorf("a flood that cannot be: %v", err)
	}
}

func TestLinesThatAreNoCommandsAreAnsweredAndTheNextIsRead(t *testing.T) {
	in := strings.Join([]string{
		`x`, `{}`, `{"count":{},"check":{}}`, `{"bogus":1}`, `{"count":{}} {}`, `{"count":{}}`, `{"check":{"packets":1,"within":"1s"}}`, `{"make":{"frames":{"size":"0"}}}`,
	}, "\n")
	var out strings.Builder
	must(t, Serve(t.Context(), strings.NewReader(in), &out))
	answers := strings.Split(strings.TrimSpace(out.String()), "\n")
	wants := []string{
		"invalid character 'x'", "want one of make", "want one of make", `unknown field \"bogus\"`, "more than one object", "there is no flood yet", "there is no flood yet", "size",
	}
	if len(answers) != len(wants) {
		t.Fatalf("got %d answers, want %d:\n%s", len(answers), len(wants), out.String())
	}
	for i, want := range wants {
		if !strings.Contains(answers[i], `"error":"`) || !strings.Contains(answers[i], want) {
			t.Errorf("answer %s, want an error with %q", answers[i], want)
		}
	}
}

func TestALineWithoutEndIsAnError(t *testing.T) {
	var out strings.Builder
	if err := Serve(t.Context(), strings.NewReader(strings.Repeat("0", 2*maxLine)), &out); err == nil || !strings.Contains(err.Error(), "token too long") {
		t.Errorf("got %v, %s", err, out.String())
	}
}

func TestAnInquiryHasAnEnd(t *testing.T) {
	for _, within := range []string{"", "x", "0s", "-1s", "11m"} {
		if d, err := (inquiry{Within: within}).within(); err == nil {
			t.Errorf("%q: %v", within, d)
		}
	}
}

// FuzzCommands: whatever comes in is a command or an error, and packets can be made of what it says, or not.
func FuzzCommands(f *testing.F) {
	f.Add(`{"make":{"sockets":["a","b"],"cpu":-1,"frames":{"size":"128","flows":2000,"vary":["destination-address"]}}}`)
	f.Add(`{"make":{"out":true,"tunnel":{"Type":"geneve","Near":"192.0.2.1","Far":"192.0.2.2"},"frames":{"vlan":7}}}`)
	f.Add(`{"check":{"packets":-1,"within":"1h"}}`)
	f.Fuzz(func(t *testing.T, line string) {
		c, err := parse([]byte(line))
		if err != nil || c.Make == nil {
			return
		}
		sent, inner, err := c.Make.prepare()
		if err != nil {
			return
		}
		who := 0
		if c.Make.Out {
			who = 1
		}
		packet := slices.Clone(sent[who].list[0])
		if c := sent[who].count; c != nil {
			c.put(packet, c.flows-1)
		}
		if c.Make.Tunnel == nil {
			must(t, c.Make.judge(inner[who])(packet))
		}
	})
}

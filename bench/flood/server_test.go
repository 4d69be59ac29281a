package flood

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/pmd/cpu"
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

// process starts a flood in a process of its own, by start, nil: as it is.
func process(t *testing.T, start func(*exec.Cmd) error, o Options) (*Client, [2]string, error) {
	t.Helper()
	o.Sockets, o.CPU = sockets(t), -1
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asFlood+"=1")
	cmd.Stderr = os.Stderr
	c, err := Start(cmd, start, o)
	return c, o.Sockets, err
}

func TestAFloodIsAProcessOfItsOwn(t *testing.T) {
	c, at, err := process(t, nil, Options{Both: true, Packed: true, Frames: small()})
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

// onOneCPU starts a process that may use one CPU alone, as one of the bench's own may.
func onOneCPU(cmd *exec.Cmd) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // for ever: the thread ends with the goroutine
		all, err := cpu.Affinity()
		for one := range all.All() {
			var set unix.CPUSet
			set.Set(one)
			err = errors.Join(err, unix.SchedSetaffinity(0, &set))
			break
		}
		if err == nil {
			err = cmd.Start()
		}
		started <- err
	}()
	return <-started
}

// A window is as long as it takes to count at its ends.
func TestWhoCountsIsAnsweredWhileTheFloodHasTheCPU(t *testing.T) {
	c, at, err := process(t, onOneCPU, Options{Both: true, Frames: small()})
	must(t, err)
	connect(t, joined(), at)
	must(t, c.Link(patient(t)))
	var took []time.Duration
	for range 9 {
		time.Sleep(20 * time.Millisecond) // of a window; who asks at once finds the process still at it
		begun := time.Now()
		_, err := c.Count()
		must(t, err)
		took = append(took, time.Since(begun))
	}
	if slices.Sort(took); took[4] > 60*time.Millisecond {
		t.Errorf("an answer took %v, and mostly %v", took, took[4])
	}
	must(t, c.Close())
}

func TestAProcessSaysWhatItCannotDo(t *testing.T) {
	c, _, err := process(t, nil, Options{Frames: small()})
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
	if _, _, err := process(t, nil, Options{Both: true, Out: true}); err == nil || !strings.Contains(err.Error(), "both ways") {
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

package control

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/gen"
	"github.com/culvertdev/culvert/bench/gen/port"
)

// asGenerator makes the test program behave as a generator's process.
const asGenerator = "CULVERT_TEST_GENERATOR"

func TestMain(m *testing.M) {
	if os.Getenv(asGenerator) != "" {
		if err := Serve(context.Background(), gen.Options{Buffers: 8192}, os.Stdin, os.Stdout); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func start(t *testing.T) *Client {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asGenerator+"=1")
	cmd.Stderr = os.Stderr
	c, err := Start(cmd, nil)
	must(t, err)
	for _, name := range []string{"a", "b"} {
		must(t, c.Open(port.Spec{Name: name, Type: "memory", Options: map[string]string{"link": "l"}}))
	}
	return c
}

func job() gen.Job {
	return gen.Job{
		Time: gen.Duration(time.Minute), Rest: true, CatchUp: gen.Duration(time.Minute),
		Streams: []gen.Stream{{From: "a", To: "b", Rate: 10_000, Count: 500}},
	}
}

func TestAGeneratorIsAProcessOfItsOwn(t *testing.T) {
	c := start(t)
	r, err := c.Run(t.Context(), job(), nil)
	must(t, err)
	if s := r.Streams[0]; s.Offered != 500 || s.Received != 500 || s.Latency == nil {
		t.Errorf("%+v", s)
	}
	if _, err := c.Run(t.Context(), gen.Job{}, nil); err == nil || !strings.Contains(err.Error(), "time of 0s") {
		t.Errorf("a job that cannot be: %v", err)
	}
	if err := c.ClosePort("x"); err == nil || !strings.Contains(err.Error(), `no port "x", have a, b`) {
		t.Errorf("a port that is not there: %v", err)
	}
	r, err = c.Self(t.Context(), gen.Job{Time: gen.Duration(20 * time.Millisecond)})
	must(t, err)
	if r.Streams[0].Received == 0 {
		t.Errorf("%+v", r)
	}
	must(t, c.ClosePort("a"))
	must(t, c.Close())
}

func TestAJobThatIsStoppedAnswers(t *testing.T) {
	c := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	j := job()
	j.Time, j.Streams[0].Count = gen.Duration(time.Hour), 0
	r, err := c.Run(ctx, j, func(gen.Progress) { cancel() })
	must(t, err)
	if s := r.Streams[0]; s.Offered == 0 || s.Received != s.Offered {
		t.Errorf("%+v", s)
	}
	must(t, c.Close())
}

func TestAGeneratorEndsWithWhoeverStartedIt(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asGenerator+"=1")
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	say := func(c Command) {
		t.Helper()
		must(t, json.NewEncoder(in).Encode(c))
	}
	for _, name := range []string{"a", "b"} {
		say(Command{Open: &port.Spec{Name: name, Type: "memory", Options: map[string]string{"link": "l"}}})
	}
	j := job()
	j.Time, j.Streams[0].Count = gen.Duration(time.Hour), 0
	say(Command{Run: &j})
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.Contains(lines.Text(), "progress") {
	}
	must(t, in.Close())
	_, err = io.Copy(io.Discard, out)
	must(t, err)
	must(t, cmd.Wait())
}

func TestLinesThatAreNoCommandsAreAnsweredAndTheNextIsRead(t *testing.T) {
	in := strings.Join([]string{
		``, `x`, `{}`, `{"id":7}`, `{"id":8,"open":{},"close":"a"}`, `{"id":9,"bogus":1}`, `{"id":10,"run":{"time":5}}`,
		`{"id":11,"run":{"time":"1s","streams":[{"from":"a","spped":1}]}}`, `{"id":1,"stop":{}} {}`, `{"id":2,"stop":{}}`,
		`{"id":12,"open":{"name":"a","type":"ftp"}}`, `{"id":13,"open":{"name":"a","type":"memory","options":{"mtu":"x"}}}`,
		`{"id":14,"open":{"type":"memory"}}`, `{"id":15,"open":{"name":"a","type":"afpacket","namespace":"/no/such"}}`,
	}, "\n")
	var out strings.Builder
	must(t, Serve(t.Context(), gen.Options{Buffers: 64}, strings.NewReader(in), &out))
	answers := strings.Split(strings.TrimSpace(out.String()), "\n")
	wants := []string{
		"invalid character 'x'", "0 of open, close, run, self and stop", "0 of open", "2 of open", `unknown field \"bogus\"`,
		"not a command: json", `unknown field \"spped\"`, "more than one object", "want one of afpacket, afxdp, memory, vhost-frontend",
		"option mtu", "port: no name", "network namespace /no/such",
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
	err := Serve(t.Context(), gen.Options{Buffers: 64}, io.LimitReader(zeros{}, 10*maxLine), &out)
	if err == nil || !strings.Contains(out.String(), "token too long") {
		t.Errorf("got %v, %s", err, out.String())
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = '0'
	}
	return len(b), nil
}

// FuzzCommands: whatever comes in, each line is answered at most with errors, and ports that are opened are closed.
func FuzzCommands(f *testing.F) {
	f.Add(`{"id":1,"open":{"name":"a","type":"memory","options":{"link":"l"}}}`)
	f.Add(`{"id":2,"run":{"time":"1s","streams":[{"from":"a","rate":1,"size":"imix","tunnel":{"type":"vxlan"}}]}}`)
	f.Add(`{"id":3,"self":{"time":"1ms"}}`)
	f.Fuzz(func(t *testing.T, line string) {
		c, err := parse([]byte(line))
		if err != nil {
			return
		}
		if c.Run == nil {
			return
		}
		// What is left of a job when there are no ports: it must not take long to refuse it.
		g, err := gen.New(gen.Options{Buffers: 64})
		must(t, err)
		if _, err := g.Run(t.Context(), *c.Run, nil); err == nil {
			t.Errorf("a job without ports ran: %s", line)
		}
		must(t, g.Close())
	})
}

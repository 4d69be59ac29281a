package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/culvertdev/culvert/control/api"
)

// testMux returns a mux whose methods do as little as their type allows.
func testMux() *api.Mux {
	m := api.NewMux(slog.New(slog.DiscardHandler))
	api.Handle(m, api.GetVersion, func(context.Context, api.Nothing) (api.Version, error) {
		return api.Version{Version: "v1", Go: "go1.26"}, nil
	})
	api.Handle(m, api.PortList, func(_ context.Context, f api.PortFilter) ([]api.Port, error) {
		return []api.Port{{Name: f.Name, Bridge: f.Bridge}}, nil
	})
	api.Handle(m, api.PortDel, func(_ context.Context, p api.PortName) (api.Nothing, error) {
		return api.Nothing{}, api.Errorf(api.NotFound, "port %s: there is none", p.Name)
	})
	api.Handle(m, api.PortAdd, func(context.Context, api.NewPort) (api.Port, error) {
		panic("a defect")
	})
	api.Handle(m, api.FDBFlush, func(context.Context, api.FDBFilter) (api.Changed, error) {
		return api.Changed{}, io.ErrUnexpectedEOF
	})
	return m
}

// serve runs a server on a socket of its own until the test ends and returns the socket's path.
func serve(t *testing.T, m *api.Mux) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := api.Listen(path, 0o600, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- api.NewServer(m, slog.New(slog.DiscardHandler)).Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("Serve = %v, want nil", err)
		}
	})
	return path
}

func dial(t *testing.T, path string) *api.Client {
	t.Helper()
	c, err := api.Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestCallsReachTheirHandlers(t *testing.T) {
	c := dial(t, serve(t, testMux()))
	t.Run("a method without parameters answers", func(t *testing.T) {
		got, err := api.Call(t.Context(), c, api.GetVersion, api.Nothing{})
		if want := (api.Version{Version: "v1", Go: "go1.26"}); err != nil || got != want {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
	})
	t.Run("parameters arrive", func(t *testing.T) {
		got, err := api.Call(t.Context(), c, api.PortList, api.PortFilter{Bridge: "br0", Name: "p1"})
		if err != nil || len(got) != 1 || got[0].Name != "p1" || got[0].Bridge != "br0" {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("an error keeps its code and the connection", func(t *testing.T) {
		for range 2 {
			_, err := api.Call(t.Context(), c, api.PortDel, api.PortName{Name: "p9"})
			wantCode(t, err, api.NotFound)
		}
	})
	t.Run("any other error is failed", func(t *testing.T) {
		_, err := api.Call(t.Context(), c, api.FDBFlush, api.FDBFilter{})
		wantCode(t, err, api.Failed)
	})
	t.Run("a handler that panics costs its request only", func(t *testing.T) {
		_, err := api.Call(t.Context(), c, api.PortAdd, api.NewPort{Name: "p1"})
		wantCode(t, err, api.Internal)
		if _, err := api.Call(t.Context(), c, api.GetVersion, api.Nothing{}); err != nil {
			t.Errorf("the next request: %v", err)
		}
	})
	t.Run("a method the daemon lacks is unknown", func(t *testing.T) {
		_, err := api.Call(t.Context(), c, api.Method[api.Nothing, api.Nothing]("no.such"), api.Nothing{})
		wantCode(t, err, api.UnknownMethod)
	})
}

func wantCode(t *testing.T, err error, want api.Code) {
	t.Helper()
	var e *api.Error
	if !errors.As(err, &e) || e.Code != want {
		t.Errorf("got error %v, want code %s", err, want)
	}
}

func TestRequestsOfManyClientsRunAtOnce(t *testing.T) {
	m := testMux()
	const clients = 16
	var all sync.WaitGroup
	all.Add(clients)
	api.Handle(m, api.Show, func(context.Context, api.Nothing) (api.Overview, error) {
		all.Done()
		all.Wait() // returns only when all clients are here
		return api.Overview{}, nil
	})
	path := serve(t, m)
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			if _, err := api.Call(t.Context(), dial(t, path), api.Show, api.Nothing{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestConnectionsBeyondTheLimitAreRefused(t *testing.T) {
	path := serve(t, testMux())
	for i := range api.MaxConnections {
		if _, err := api.Call(t.Context(), dial(t, path), api.GetVersion, api.Nothing{}); err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
	}
	_, err := api.Call(t.Context(), dial(t, path), api.GetVersion, api.Nothing{})
	wantCode(t, err, api.Busy)
}

func TestShutdownLetsARequestFinish(t *testing.T) {
	m := testMux()
	started, finish := make(chan bool), make(chan bool)
	api.Handle(m, api.Show, func(ctx context.Context, _ api.Nothing) (api.Overview, error) {
		close(started)
		<-finish
		return api.Overview{PID: 7}, ctx.Err()
	})
	path := filepath.Join(t.TempDir(), "s")
	l, err := api.Listen(path, 0o600, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error)
	go func() { served <- api.NewServer(m, slog.New(slog.DiscardHandler)).Serve(ctx, l) }()
	idle := dial(t, path)
	answered := make(chan error)
	busy := dial(t, path)
	go func() {
		got, err := api.Call(t.Context(), busy, api.Show, api.Nothing{})
		if err == nil && got.PID != 7 {
			err = errors.New("wrong answer")
		}
		answered <- err
	}()
	<-started
	stop()
	var idleErr error
	for start := time.Now(); idleErr == nil && time.Since(start) < 10*time.Second; {
		_, idleErr = api.Call(t.Context(), idle, api.GetVersion, api.Nothing{})
	}
	if !errors.Is(idleErr, api.ErrUnreachable) {
		t.Errorf("an idle connection after shutdown: got %v, want ErrUnreachable", idleErr)
	}
	close(finish)
	if err := <-answered; err != nil {
		t.Errorf("the request under way: %v", err)
	}
	if err := <-served; err != nil {
		t.Errorf("Serve = %v", err)
	}
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
}

// raw sends text and returns all responses until the connection is quiet or ends.
func raw(t *testing.T, path, text string) []map[string]any {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	if err := c.(*net.UnixConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	var all []map[string]any
	for d := json.NewDecoder(c); ; {
		var r map[string]any
		if err := d.Decode(&r); err != nil {
			return all
		}
		all = append(all, r)
	}
}

func TestWhatIsNoRequestGetsAnErrorAndHarmsNobody(t *testing.T) {
	path := serve(t, testMux())
	for _, c := range []struct{ name, text, code, details string }{
		{"not JSON", "hello", "bad-request", "invalid character"},
		{"JSON that ends early", `{"method":`, "bad-request", "unexpected EOF"},
		{"a list", `[1,2]`, "bad-request", "cannot unmarshal"},
		{"a method that is a number", `{"method":1,"params":[],"id":1}`, "bad-request", "cannot unmarshal"},
		{"no id", `{"method":"version","params":[]}`, "bad-request", "id"},
		{"an id that is null", `{"method":"version","params":[],"id":null}`, "bad-request", "id"},
		{"an id that is too long", `{"method":"version","id":"` + strings.Repeat("x", 300) + `"}`, "bad-request", "at most 256 bytes"},
		{"no method", `{"params":[],"id":1}`, "bad-request", "want a method"},
		{"two parameters", `{"method":"port.list","params":[{},{}],"id":1}`, "bad-params", "at most one"},
		{"an unknown member", `{"method":"port.list","params":[{"nmae":"p"}],"id":1}`, "bad-params", "nmae"},
		{"a parameter that is no object", `{"method":"port.list","params":["p1"],"id":1}`, "bad-params", "want an object"},
		{"a member of the wrong type", `{"method":"port.list","params":[{"name":1}],"id":1}`, "bad-params", "name"},
		{"nesting without end", strings.Repeat("[", 20000), "bad-request", "max depth"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := raw(t, path, c.text)
			if len(got) != 1 {
				t.Fatalf("got %d responses, want 1: %v", len(got), got)
			}
			e, _ := got[0]["error"].(map[string]any)
			details, _ := e["details"].(string)
			if e["error"] != c.code || !strings.Contains(details, c.details) {
				t.Errorf("got %v, want %s with %q", got[0], c.code, c.details)
			}
		})
	}
	t.Run("requests without a space between them are all answered, in order", func(t *testing.T) {
		got := raw(t, path, `{"method":"version","params":[],"id":1}{"method":"x","id":"two"}{"method":"version","id":[3]}`)
		if len(got) != 3 || got[0]["id"] != 1.0 || got[1]["id"] != "two" || got[1]["error"] == nil || got[2]["result"] == nil {
			t.Errorf("got %v", got)
		}
	})
}

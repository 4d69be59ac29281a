package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/iotest"
)

func TestMessageReaderBoundsEachMessage(t *testing.T) {
	const limit = 64
	long := `"` + strings.Repeat("x", limit-2) + `"` // just fits
	for _, c := range []struct {
		name, text string
		want       int // messages before the error
		err        error
	}{
		{"messages that fit, however many", strings.Repeat(long, 10), 10, io.EOF},
		{"small ones together longer than the limit", strings.Repeat(`{"a":1}`, 100), 100, io.EOF},
		{"one byte too long", long + `"` + strings.Repeat("x", limit-1) + `"`, 1, errTooLong},
		{"one that never ends", `"` + strings.Repeat("x", 1000), 0, errTooLong},
	} {
		for name, r := range map[string]io.Reader{
			"at once":      strings.NewReader(c.text),
			"byte by byte": iotest.OneByteReader(strings.NewReader(c.text)),
		} {
			t.Run(c.name+", "+name, func(t *testing.T) {
				m := newMessageReader(r, limit)
				n := 0
				for {
					msg, err := m.next()
					if err != nil {
						if n != c.want || !errors.Is(err, c.err) {
							t.Errorf("got %d messages and %v, want %d and %v", n, err, c.want, c.err)
						}
						return
					}
					if len(msg) > limit {
						t.Errorf("a message of %d bytes", len(msg))
					}
					n++
				}
			})
		}
	}
}

// FuzzControlRequest feeds arbitrary bytes to the framing and the dispatcher: each message gets exactly
// one response, which is JSON and carries the request's id or says why not.
func FuzzControlRequest(f *testing.F) {
	f.Add([]byte(`{"method":"version","params":[],"id":1}`))
	f.Add([]byte(`{"method":"port.list","params":[{"name":"p"}],"id":"x"}{"method":"flow.add","params":[{"lines":["a"]}],"id":{}}`))
	f.Add([]byte(`{"method":"fdb.flush","params":[{"vlan":-1}],"id":[1,2]} null 7 "s" [`))
	f.Add([]byte(`{"METHOD":"version","iD":1,"params":null}`))
	m := NewMux(slog.New(slog.DiscardHandler))
	Handle(m, GetVersion, func(context.Context, Nothing) (Version, error) { return Version{}, nil })
	Handle(m, PortList, func(_ context.Context, p PortFilter) ([]Port, error) { return []Port{{Name: p.Name}}, nil })
	Handle(m, FlowAdd, func(_ context.Context, p FlowText) (RulesChanged, error) {
		return RulesChanged{Count: len(p.Lines)}, nil
	})
	Handle(m, FDBFlush, func(context.Context, FDBFilter) (Changed, error) { return Changed{}, io.EOF })
	f.Fuzz(func(t *testing.T, data []byte) {
		r := newMessageReader(bytes.NewReader(data), 4096)
		for {
			msg, err := r.next()
			if err != nil {
				return
			}
			if len(msg) > 4096 {
				t.Fatalf("a message of %d bytes", len(msg))
			}
			checkResponse(t, msg, m.Dispatch(context.Background(), msg))
		}
	})
}

func checkResponse(t *testing.T, msg, answer []byte) {
	var resp struct {
		ID     json.RawMessage
		Result json.RawMessage
		Error  *Error
	}
	if err := json.Unmarshal(answer, &resp); err != nil {
		t.Fatalf("response %q: %v", answer, err)
	}
	if resp.Error != nil && (resp.Error.Code == "" || resp.Error.Details == "" || resp.Error.Code == Internal) {
		t.Errorf("request %q: error %+v", msg, resp.Error)
	}
	if (resp.Error == nil) == (string(resp.Result) == "null") {
		t.Errorf("request %q: response %q has not exactly one of result and error", msg, answer)
	}
	if resp.Error == nil && string(resp.ID) == "null" {
		t.Errorf("request %q: a result without an id", msg)
	}
}

package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
)

// A Mux finds the handler of a request. Handlers may be called from several goroutines at once.
//
// Thread-safety: all [Handle] calls come before the first Dispatch.
type Mux struct {
	handlers map[string]handler
	log      *slog.Logger
}

// handler answers a request whose one parameter, or nothing, is param.
type handler func(ctx context.Context, param json.RawMessage) (any, error)

// NewMux returns a Mux without methods that logs defects of handlers.
func NewMux(log *slog.Logger) *Mux {
	return &Mux{handlers: make(map[string]handler), log: log}
}

// Handle makes f answer a method. An error that f returns reaches the client with its code if it is an
// [*Error], otherwise as Failed.
func Handle[P, R any](m *Mux, method Method[P, R], f func(context.Context, P) (R, error)) {
	m.handlers[string(method)] = func(ctx context.Context, param json.RawMessage) (any, error) {
		var p P
		if err := unmarshalStrict(param, &p); err != nil {
			return nil, Errorf(BadParams, "%s: parameters: %v", method, err)
		}
		return f(ctx, p)
	}
}

// Methods returns the names of all methods, sorted.
func (m *Mux) Methods() []string { return slices.Sorted(maps.Keys(m.handlers)) }

// Dispatch carries out one request, a JSON text, and returns the response, another. Whatever the text
// says and whatever a handler does, there is a response.
func (m *Mux) Dispatch(ctx context.Context, text []byte) []byte {
	var req request
	if err := json.Unmarshal(text, &req); err != nil {
		return encode(response{Error: Errorf(BadRequest, "request: %v", err)})
	}
	if err := req.check(); err != nil {
		return encode(response{ID: req.ID, Error: err})
	}
	h, ok := m.handlers[req.Method]
	if !ok {
		return encode(response{ID: req.ID, Error: Errorf(UnknownMethod, "method %.64q: unknown", req.Method)})
	}
	var param json.RawMessage
	if len(req.Params) == 1 {
		param = req.Params[0]
	}
	result, err := m.call(ctx, h, req.Method, param)
	if err != nil {
		return encode(response{ID: req.ID, Error: asError(err)})
	}
	return encode(response{ID: req.ID, Result: result})
}

// maxID is the longest request id in bytes: it is sent back.
const maxID = 256

func (r *request) check() *Error {
	switch {
	case len(r.ID) > maxID:
		r.ID = nil
		return Errorf(BadRequest, "request: want an id of at most %d bytes", maxID)
	case len(r.ID) == 0 || string(r.ID) == "null":
		return Errorf(BadRequest, "request: want an id that is not null")
	case r.Method == "":
		return Errorf(BadRequest, "request: want a method")
	case len(r.Params) > 1:
		return Errorf(BadParams, "%.64s: want at most one parameter, found %d", r.Method, len(r.Params))
	}
	return nil
}

// call calls h. A panic there is a defect, and its request the only one that suffers.
func (m *Mux) call(ctx context.Context, h handler, method string, param json.RawMessage) (result any, err error) {
	defer func() {
		if r := recover(); r != nil {
			m.log.Error("request handler panicked", "method", method, "panic", r, "stack", string(debug.Stack()))
			result, err = nil, Errorf(Internal, "%s: internal error: %v", method, r)
		}
	}()
	return h(ctx, param)
}

// unmarshalStrict decodes one object without unknown members. No text is the zero value.
func unmarshalStrict(text json.RawMessage, dst any) error {
	if len(text) == 0 {
		return nil
	}
	if text[0] != '{' {
		return fmt.Errorf("want an object, found %.16s", text)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(dst); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// encode returns the JSON text of r, ended by a newline for people who look at it.
func encode(r response) []byte {
	text, err := json.Marshal(r)
	if err != nil {
		r = response{ID: r.ID, Error: Errorf(Internal, "encode result: %v", err)}
		if text, err = json.Marshal(r); err != nil {
			text = []byte(`{"id":null,"result":null,"error":{"error":"internal","details":"encode error"}}`)
		}
	}
	return append(text, '\n')
}

package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"
)

// ErrUnreachable is returned when no daemon answers on the socket, or it went away before it did.
var ErrUnreachable = errors.New("the daemon is not reachable")

// A Client is a connection to the daemon.
//
// Thread-safety: all methods, and [Call], are safe for concurrent use; calls wait for each other.
type Client struct {
	mu   sync.Mutex
	conn net.Conn
	dec  *json.Decoder
	id   uint64
	err  error // what broke the connection
}

// Dial connects to the daemon's socket.
func Dial(ctx context.Context, path string) (*Client, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return &Client{conn: conn, dec: json.NewDecoder(conn)}, nil
}

// Close ends the connection.
func (c *Client) Close() error { return c.conn.Close() }

// Call asks the daemon and waits for its answer. An error of the daemon's is an [*Error]; when the
// connection fails, or ctx ends, the error is ErrUnreachable and the connection of no use any more.
func Call[P, R any](ctx context.Context, c *Client, method Method[P, R], params P) (R, error) {
	var result R
	list := []any{params}
	if _, none := any(params).(Nothing); none {
		list = []any{}
	}
	answer, err := c.exchange(ctx, string(method), list)
	if err != nil {
		return result, err
	}
	if err := json.Unmarshal(answer, &result); err != nil {
		return result, fmt.Errorf("%s: result: %w", method, err)
	}
	return result, nil
}

// exchange sends one request and returns the result of its response.
func (c *Client) exchange(ctx context.Context, method string, params []any) (json.RawMessage, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return nil, c.err
	}
	answer, err := c.roundTrip(ctx, method, params)
	if err == nil || errors.As(err, new(*Error)) {
		return answer, err
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	c.err = fmt.Errorf("%w: %s: %w", ErrUnreachable, method, err)
	c.conn.Close()
	return nil, c.err
}

func (c *Client) roundTrip(ctx context.Context, method string, params []any) (json.RawMessage, error) {
	stop := context.AfterFunc(ctx, func() { c.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	c.id++
	id := strconv.FormatUint(c.id, 10)
	req, err := json.Marshal(struct {
		Method string          `json:"method"`
		Params []any           `json:"params"`
		ID     json.RawMessage `json:"id"`
	}{method, params, json.RawMessage(id)})
	if err != nil {
		return nil, err
	}
	// A daemon that refuses the connection or the request answers before it has read all of it.
	_, writeErr := c.conn.Write(req)
	var resp struct {
		ID     json.RawMessage `json:"id"`
		Result json.RawMessage `json:"result"`
		Error  *Error          `json:"error"`
	}
	if err := c.dec.Decode(&resp); err != nil {
		return nil, errors.Join(writeErr, err)
	}
	switch {
	case resp.Error != nil:
		return nil, resp.Error
	case string(resp.ID) != id:
		return nil, fmt.Errorf("response to request %s: want id %s", resp.ID, id)
	}
	return resp.Result, nil
}

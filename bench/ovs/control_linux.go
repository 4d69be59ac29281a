package ovs

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
)

// control is a connection to the switch's control socket, as ovs-appctl has: JSON-RPC 1.0, one request
// after the other.
type control struct {
	conn net.Conn
	enc  *json.Encoder
	dec  *json.Decoder
}

type request struct {
	ID     int      `json:"id"`
	Method string   `json:"method"`
	Params []string `json:"params"`
}

type reply struct {
	Result *string `json:"result"`
	Error  *string `json:"error"`
}

func dial(path string) (*control, error) {
	conn, err := net.Dial("unix", path)
	if err != nil {
		return nil, err
	}
	return &control{conn, json.NewEncoder(conn), json.NewDecoder(conn)}, nil
}

func (c *control) close() error { return c.conn.Close() }

func (c *control) call(method string, params []string) (string, error) {
	if params == nil {
		params = []string{}
	}
	if err := c.enc.Encode(request{Method: method, Params: params}); err != nil {
		return "", err
	}
	var r reply
	if err := c.dec.Decode(&r); err != nil {
		return "", err
	}
	switch {
	case r.Error != nil:
		return "", errors.New(strings.TrimSpace(*r.Error))
	case r.Result == nil:
		return "", errors.New("want a result or an error, found neither")
	}
	return *r.Result, nil
}

// Appctl asks the switch what ovs-appctl would ask it.
func (i *Instance) Appctl(method string, params ...string) (string, error) {
	if i.control == nil {
		c, err := dial(i.path("switch.ctl"))
		if err != nil {
			return "", err
		}
		i.control = c
	}
	out, err := i.control.call(method, params)
	if err != nil {
		return "", fmt.Errorf("ovs-appctl %s %s: %w", method, strings.Join(params, " "), err)
	}
	return out, nil
}

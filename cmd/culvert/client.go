package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/culvertdev/culvert/control/api"
)

// ask asks the daemon one thing.
func ask[P, R any](e *env, method api.Method[P, R], params P) (R, error) {
	c, err := api.Dial(e.ctx, cmp.Or(e.socket, os.Getenv("CULVERT_SOCKET"), defaultSocket))
	if err != nil {
		var none R
		if errors.Is(err, fs.ErrPermission) {
			return none, fmt.Errorf("%w; control.mode and control.group in its configuration say who may ask it", err)
		}
		return none, fmt.Errorf("%w; is `culvert run` running, and is that its control socket (--socket)?", err)
	}
	defer c.Close()
	return api.Call(e.ctx, c, method, params)
}

// show asks the daemon and prints the answer: as JSON, or by text.
func show[P, R any](e *env, method api.Method[P, R], params P, text func(io.Writer, R)) error {
	answer, err := ask(e, method, params)
	if err != nil {
		return err
	}
	return e.print(answer, func(w io.Writer) { text(w, answer) })
}

// print prints an answer: as JSON, or by text.
func (e *env) print(answer any, text func(io.Writer)) error {
	if !e.json {
		text(e.out)
		return nil
	}
	enc := json.NewEncoder(e.out)
	enc.SetIndent("", "  ")
	return enc.Encode(answer)
}

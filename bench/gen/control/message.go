package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/culvertdev/culvert/bench/gen"
	"github.com/culvertdev/culvert/bench/gen/port"
)

// maxLine bounds a command, in bytes.
const maxLine = 1 << 20

// A Command is what the process is told. Exactly one of its verbs is given.
type Command struct {
	ID    uint64     `json:"id"`              // comes back with the answers
	Open  *port.Spec `json:"open,omitempty"`  // a port
	Close *string    `json:"close,omitempty"` // a port, by its name
	Run   *gen.Job   `json:"run,omitempty"`
	Self  *gen.Job   `json:"self,omitempty"` // measure the generator itself: see [gen.Generator.Self]
	Stop  *struct{}  `json:"stop,omitempty"` // end the job that runs early; not answered by itself
}

// An Answer is what the process says.
type Answer struct {
	ID       uint64        `json:"id,omitempty"`
	OK       bool          `json:"ok,omitempty"`       // open and close: done
	Error    string        `json:"error,omitempty"`    // it could not be done
	Progress *gen.Progress `json:"progress,omitempty"` // another answer follows
	Result   *gen.Result   `json:"result,omitempty"`   // run and self: done
}

// parse reads a command.
func parse(line []byte) (c Command, err error) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return c, fmt.Errorf("not a command: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return c, errors.New("not a command: more than one object on a line")
	}
	verbs := 0
	for _, given := range []bool{c.Open != nil, c.Close != nil, c.Run != nil, c.Self != nil, c.Stop != nil} {
		if given {
			verbs++
		}
	}
	if verbs != 1 {
		return c, fmt.Errorf("not a command: %d of open, close, run, self and stop, want one", verbs)
	}
	return c, nil
}

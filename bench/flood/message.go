package flood

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"time"
)

// maxLine bounds a command, in bytes.
const maxLine = 1 << 16

// A command is what a flood's process is told, by one object on a line. Exactly one of its verbs is given, and each has one answer.
//
//	{"make":{"sockets":["a.sock","b.sock"],"cpu":0,"both":true,"frames":{"flows":1024}}}
//	{"ok":true}
//	{"check":{"packets":4096,"within":"20s"}}
//	{"error":"want one of the packets sent, found …"}
//	{"count":{}}
//	{"ok":true,"received":1000000,"offered":1000064,"starved":640}
type command struct {
	Make  *Options  `json:"make,omitempty"` // guests, once, who flood from the moment that a switch is there
	Link  *inquiry  `json:"link,omitempty"` // waits for the switch
	Check *inquiry  `json:"check,omitempty"`
	Count *struct{} `json:"count,omitempty"`
}

// An inquiry may take a while.
type inquiry struct {
	Packets int    `json:"packets,omitempty"`
	Within  string `json:"within"` // as time.ParseDuration reads it
}

// patience is the longest time that an inquiry may take.
const patience = 10 * time.Minute

func (q inquiry) within() (time.Duration, error) {
	d, err := time.ParseDuration(q.Within)
	if err == nil && (d <= 0 || d > patience) {
		err = errors.New("within " + q.Within + ", want more than 0 and at most " + patience.String())
	}
	return d, err
}

// An answer says what became of a command.
type answer struct {
	OK    bool   `json:"ok,omitempty"`
	Error string `json:"error,omitempty"`
	Counts
}

// parse reads a command.
func parse(line []byte) (c command, err error) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return c, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return c, errors.New("more than one object on a line")
	}
	n := 0
	for _, given := range []bool{c.Make != nil, c.Link != nil, c.Check != nil, c.Count != nil} {
		if given {
			n++
		}
	}
	if n != 1 {
		return c, errors.New("want one of make, link, check and count")
	}
	return c, nil
}

package api

import (
	"encoding/json"
	"errors"
	"fmt"
)

// MaxRequest is the longest request in bytes. A configuration with its rules is the longest there is.
const MaxRequest = 64 << 20

// request is what a client sends.
type request struct {
	Method string            `json:"method"`
	Params []json.RawMessage `json:"params"`
	ID     json.RawMessage   `json:"id"`
}

// response is what the daemon answers. Exactly one of Result and Error is not null.
type response struct {
	ID     json.RawMessage `json:"id"`
	Result any             `json:"result"`
	Error  *Error          `json:"error"`
}

// Code classifies an error for programs.
type Code string

// Error codes.
const (
	BadRequest    Code = "bad-request"    // not a request as package api describes it
	UnknownMethod Code = "unknown-method" // the daemon has no such method
	BadParams     Code = "bad-params"     // the parameters are not those of the method, or out of range
	NotFound      Code = "not-found"      // what the request names is not there
	Exists        Code = "exists"         // what the request would make is there already
	BadConfig     Code = "bad-config"     // the configuration, or the text of rules, groups, meters, options or packets, has errors: Error.Problems
	Failed        Code = "failed"         // it was tried and did not work
	Internal      Code = "internal"       // a defect of the daemon, which goes on; its log has more
	Busy          Code = "busy"           // too many connections; try again later
)

// Error is why a request was not carried out.
type Error struct {
	Code     Code      `json:"error"`
	Details  string    `json:"details"`            // for people
	Problems []Problem `json:"problems,omitempty"` // with BadConfig
}

// Problem is one error in a configuration, or in text such as rules.
type Problem struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`   // from 1; absent: the file as a whole
	Column int    `json:"column,omitempty"` // from 1; absent: the line as a whole
	Key    string `json:"key,omitempty"`    // bridges[0].ports[1].number
	Text   string `json:"text"`             // what was expected and what was found
}

// Error returns the details.
func (e *Error) Error() string { return e.Details }

// Errorf returns an error of the given code.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Details: fmt.Sprintf(format, args...)}
}

// Mistake returns what is wrong with a text; what says which, if there are several.
func Mistake(what string, err error) *Error {
	e := &Error{Code: BadConfig, Details: err.Error(), Problems: []Problem{{File: what, Text: err.Error()}}}
	if what != "" {
		e.Details = what + ": " + e.Details
	}
	return e
}

// asError returns err as what goes over the wire: itself if it is an *Error, otherwise Failed.
func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: Failed, Details: err.Error()}
}

package proto

import (
	"errors"
	"fmt"
)

// What can be wrong with a message. A [Fault] wraps one of them.
var (
	ErrVersion     = errors.New("not version 1 of the protocol")
	ErrFlags       = errors.New("flags that do not belong there")
	ErrUnknown     = errors.New("no request of this channel")
	ErrTooLong     = errors.New("payload too long")
	ErrSize        = errors.New("payload of the wrong size")
	ErrPayload     = errors.New("impossible payload")
	ErrFiles       = errors.New("wrong number of descriptors")
	ErrControl     = errors.New("control data cut short")
	ErrNotTheReply = errors.New("not the reply to what was asked")
	ErrRefused     = errors.New("the other side refuses")
)

// A Fault is a message that is not as the protocol wants it. Its descriptors are closed.
type Fault struct {
	Request   Request
	NeedReply bool   // the sender waits for a yes or no, which [Conn.Refuse] gives
	Whole     bool   // the message was read to its end: the connection can be used further
	number    uint32 // as it was sent
	err       error
}

// Error names the request and what is wrong.
func (f *Fault) Error() string { return fmt.Sprintf("vhost-user %s: %v", f.Request, f.err) }

// Unwrap returns what is wrong: it wraps one of the errors of this package.
func (f *Fault) Unwrap() error { return f.err }

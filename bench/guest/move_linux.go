package guest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"time"

	"github.com/culvertdev/culvert/bench/console"
)

// A Place is a machine without a guest: one may be moved there while it runs, as a live migration does. Until then, Kill
// ends it.
type Place struct {
	*console.Console
	o    Options
	conn net.Conn // to the guest's second serial line
}

// Prepare starts a machine for a guest that was started with the same options, but for Dir, Socket and Spawn. It returns
// when the machine is ready, which it is once the switch has connected.
func Prepare(ctx context.Context, o Options) (*Place, error) {
	c, err := o.run("-incoming", "unix:"+o.door())
	if err != nil {
		return nil, fmt.Errorf("prepare a place for a guest: %w", err)
	}
	p := &Place{Console: c, o: o}
	// What the guest says before somebody listens is lost: it is listened to before there is one.
	for {
		if p.conn, err = net.Dial("unix", o.line()); err == nil {
			if _, err = command(ctx, o.monitor(), "query-status", nil); err == nil {
				return p, nil
			}
			p.conn.Close()
		}
		select {
		case <-ctx.Done():
		case <-c.Ended():
		case <-time.After(20 * time.Millisecond):
			continue
		}
		return nil, fmt.Errorf("prepare a place for a guest: %w", errors.Join(err, c.Kill()))
	}
}

// door is the path of the socket that a guest comes in by.
func (o Options) door() string { return filepath.Join(o.Dir, "door") }

// MoveTo moves the guest while it runs. Calls that are under way go on, and are answered from the new place; the machine
// that it leaves is ended.
func (g *Guest) MoveTo(ctx context.Context, p *Place) error {
	if err := g.line.during(func() (net.Conn, error) { return p.conn, g.move(ctx, p) }); err != nil {
		return fmt.Errorf("move a guest: %w", err)
	}
	left := g.Console
	g.Console, g.monitor = p.Console, p.o.monitor()
	return left.Kill()
}

func (g *Guest) move(ctx context.Context, p *Place) error {
	if _, err := command(ctx, g.monitor, "migrate", map[string]any{"uri": "unix:" + p.o.door()}); err != nil {
		return err
	}
	for {
		answer, err := command(ctx, g.monitor, "query-migrate", nil)
		if err != nil {
			return err
		}
		var is struct {
			Status string
			Desc   string `json:"error-desc"`
		}
		if err := json.Unmarshal(answer, &is); err != nil {
			return err
		}
		switch is.Status {
		case "completed":
			return nil
		case "failed", "cancelled":
			return fmt.Errorf("%s: %s", is.Status, is.Desc)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w while it is %s", ctx.Err(), is.Status)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// command has QEMU run a command of its machine protocol (QMP), and returns the answer.
func command(ctx context.Context, monitor, name string, arguments map[string]any) (json.RawMessage, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", monitor)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	to, from := json.NewEncoder(conn), json.NewDecoder(conn)
	var answer struct {
		Return json.RawMessage
		Error  *struct{ Desc string }
	}
	for _, c := range []map[string]any{{"execute": "qmp_capabilities"}, {"execute": name, "arguments": arguments}} {
		if arguments == nil {
			delete(c, "arguments")
		}
		if err := to.Encode(c); err != nil {
			return nil, fmt.Errorf("QEMU, %s: %w", name, err)
		}
		answer.Return = nil
		for answer.Return == nil { // greetings and events come in between
			if err := from.Decode(&answer); err != nil {
				return nil, fmt.Errorf("QEMU, %s: %w", name, err)
			}
			if answer.Error != nil {
				return nil, fmt.Errorf("QEMU, %s: %s", name, answer.Error.Desc)
			}
		}
	}
	return answer.Return, nil
}

// A line is the connection to a guest's second serial line, which moves with the guest.
//
// Thread-safety: one goroutine reads, others write and close.
type line struct {
	in net.Conn // the reader's

	mu   sync.Mutex
	out  net.Conn
	next net.Conn // where reading goes on when in has ended; nil: nowhere
}

// during holds back what is written while move moves the guest, then has the line lead to where it is: a machine that has stopped
// does not read what comes any more.
func (l *line) during(move func() (net.Conn, error)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	to, err := move()
	if err == nil {
		l.out, l.next = to, to
	}
	return err
}

// Read implements io.Reader.
func (l *line) Read(b []byte) (int, error) {
	n, err := l.in.Read(b)
	if n > 0 || err == nil {
		return n, err
	}
	l.mu.Lock()
	next := l.next
	l.next = nil
	l.mu.Unlock()
	if next == nil {
		return 0, err
	}
	l.in.Close()
	l.in = next
	return l.in.Read(b)
}

// Write implements io.Writer.
func (l *line) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(b)
}

// Close implements io.Closer.
func (l *line) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Close()
}

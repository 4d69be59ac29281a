package api

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"
)

// Bounds of what clients can hold on to.
const (
	// MaxConnections is how many clients are served at once; further ones get Busy.
	MaxConnections = 64
	// idleTimeout ends connections that ask nothing for so long.
	idleTimeout = 10 * time.Minute
	// writeTimeout ends connections that do not take their answer.
	writeTimeout = 10 * time.Second
	// acceptPause is the wait after a failed accept, which happens when descriptors run out.
	acceptPause = 50 * time.Millisecond
)

// A Server answers requests on a listener.
//
// Thread-safety: all methods are safe for concurrent use.
type Server struct {
	mux *Mux
	log *slog.Logger

	mu       sync.Mutex
	conns    map[*conn]struct{}
	stopping bool
	serving  sync.WaitGroup
}

// conn is one client's connection.
type conn struct {
	net.Conn
	busy bool // a request is being carried out; guarded by Server.mu
}

// NewServer returns a server of mux's methods.
func NewServer(mux *Mux, log *slog.Logger) *Server {
	return &Server{mux: mux, log: log, conns: make(map[*conn]struct{})}
}

// Serve answers requests on l until ctx ends. It then closes l and idle connections, lets the requests
// that are being carried out finish and their answers leave, and returns nil.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		l.Close()
		s.shutdown()
	})
	defer func() {
		if !stop() {
			<-ended // the socket is not there any more when Serve returns
		}
	}()
	defer s.serving.Wait()
	for {
		c, err := l.Accept()
		switch {
		case err == nil:
			s.start(ctx, c)
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		default:
			s.log.Warn("accept on the control socket", "error", err)
			time.Sleep(acceptPause)
		}
	}
}

// start serves c in a goroutine, or refuses it.
func (s *Server) start(ctx context.Context, nc net.Conn) {
	c := &conn{Conn: nc}
	s.mu.Lock()
	ok := !s.stopping && len(s.conns) < MaxConnections
	if ok {
		s.conns[c] = struct{}{}
		s.serving.Add(1)
	}
	s.mu.Unlock()
	if !ok {
		s.write(c, encode(response{Error: Errorf(Busy, "the daemon serves %d connections already", MaxConnections)}))
		c.Close()
		return
	}
	go func() {
		defer s.serving.Done()
		// A request that is being carried out is finished, whatever ends the server.
		s.serve(context.WithoutCancel(ctx), c)
	}()
}

// serve answers the requests of one connection until it ends.
func (s *Server) serve(ctx context.Context, c *conn) {
	defer func() {
		c.Close()
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	}()
	r := newMessageReader(c, MaxRequest)
	for {
		if !s.awaitRequest(c) {
			return
		}
		msg, err := r.next()
		if err != nil {
			s.reject(c, err)
			return
		}
		if !s.setBusy(c) {
			return
		}
		if !s.write(c, s.mux.Dispatch(ctx, msg)) {
			return
		}
	}
}

// awaitRequest marks c idle; false when the server is stopping.
func (s *Server) awaitRequest(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.busy = false
	return !s.stopping && c.SetReadDeadline(time.Now().Add(idleTimeout)) == nil
}

// setBusy marks c busy; false when the server is stopping and nothing may begin.
func (s *Server) setBusy(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.busy = !s.stopping
	return c.busy
}

// reject says why the connection ends, if the client did not end it.
func (s *Server) reject(c *conn, err error) {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrDeadlineExceeded):
	case errors.Is(err, errTooLong):
		s.write(c, encode(response{Error: Errorf(BadRequest, "request: want at most %d bytes", MaxRequest)}))
	default:
		s.write(c, encode(response{Error: Errorf(BadRequest, "request: %v", err)}))
	}
}

func (s *Server) write(c *conn, msg []byte) bool {
	if err := c.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return false
	}
	_, err := c.Write(msg)
	return err == nil
}

// shutdown ends idle connections; the others end after their answer.
func (s *Server) shutdown() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
	for c := range s.conns {
		if !c.busy {
			c.Close()
		}
	}
}

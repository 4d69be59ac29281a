package proto

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestHeadersThatAreNoneEndTheConnection(t *testing.T) {
	noLeak(t)
	for name, tc := range map[string]struct {
		bytes []byte
		want  error
	}{
		"version 0":      {message(1, 0, nil), ErrVersion},
		"version 2":      {message(1, 2, nil), ErrVersion},
		"version 3":      {message(1, 3, nil), ErrVersion},
		"4097 bytes":     {header{1, version, MaxPayload + 1}.append(nil), ErrTooLong},
		"4 GiB to come":  {header{1, version, 1<<32 - 1}.append(nil), ErrTooLong},
		"4 GiB of table": {header{5, version, 1<<32 - 8}.append(nil), ErrTooLong},
	} {
		t.Run(name, func(t *testing.T) {
			raw, c := pair(t, NewConn)
			write(t, raw, tc.bytes, eventfds(t, 3)...)
			_, err := c.Receive()
			var f *Fault
			if !errors.As(err, &f) || !errors.Is(err, tc.want) || f.Whole {
				t.Errorf("error %v, want %q, at the end of the connection", err, tc.want)
			}
			if err := c.Refuse(f); err != error(f) {
				t.Errorf("refusing it says %v", err)
			}
		})
	}
}

// TestTheConnectionOutlivesAWholeFault sends what is wrong in one way or another, then something right.
func TestTheConnectionOutlivesAWholeFault(t *testing.T) {
	noLeak(t)
	for name, tc := range map[string]struct {
		request, flags uint32
		want           error
	}{
		"request 0":                {0, version, ErrUnknown},
		"request 44":               {44, version, ErrUnknown},
		"request 4294967295":       {1<<32 - 1, version, ErrUnknown},
		"a back end's, disguised":  {uint32(BackendIOTLB), version, ErrUnknown},
		"a reply nobody asked for": {uint32(SetOwner), version | flagReply, ErrFlags},
		"flag 4":                   {uint32(SetOwner), version | 1<<4, ErrFlags},
		"flag 31":                  {uint32(SetOwner), version | 1<<31, ErrFlags},
	} {
		t.Run(name, func(t *testing.T) {
			raw, c := pair(t, NewConn)
			write(t, raw, message(tc.request, tc.flags|flagNeedReply, nil))
			_, err := c.Receive()
			var f *Fault
			if !errors.As(err, &f) || !errors.Is(err, tc.want) || !f.Whole || !f.NeedReply {
				t.Fatalf("error %v, want a whole fault with %q", err, tc.want)
			}
			if err := c.Refuse(f); err != nil {
				t.Fatal(err)
			}
			var no [headerSize + 8]byte
			if _, err := io.ReadFull(raw, no[:]); err != nil {
				t.Fatal(err)
			}
			if h := parseHeader(no[:]); h != (header{tc.request, version | flagReply, 8}) || order.Uint64(no[headerSize:]) == 0 {
				t.Errorf("refused by %v with %d", h, order.Uint64(no[headerSize:]))
			}
			write(t, raw, message(uint32(SetOwner), version, nil))
			if m, err := c.Receive(); err != nil || m.Request != SetOwner {
				t.Errorf("the message behind it: %v, %v", m, err)
			}
		})
	}
}

func TestTooManyDescriptorsEndTheConnection(t *testing.T) {
	noLeak(t)
	for _, n := range []int{9, 10, 64, 253} { // 253: all that the kernel sends at once
		raw, c := pair(t, NewConn)
		write(t, raw, message(uint32(SetMemTable), version, make(MemTable, 8).append(nil)), eventfds(t, n)...)
		if _, err := c.Receive(); !errors.Is(err, ErrFiles) {
			t.Errorf("%d descriptors: error %v, want %q", n, err, ErrFiles)
		}
	}
}

func TestDescriptorsInSeveralPartsAreCounted(t *testing.T) {
	noLeak(t)
	raw, c := pair(t, NewConn)
	b := message(uint32(SetMemTable), version, make(MemTable, 8).append(nil))
	write(t, raw, b[:5], eventfds(t, 5)...)
	write(t, raw, b[5:20], eventfds(t, 5)...)
	write(t, raw, b[20:], eventfds(t, 1)...)
	if _, err := c.Receive(); !errors.Is(err, ErrFiles) {
		t.Errorf("error %v, want %q", err, ErrFiles)
	}
}

func TestMessagesInSmallPiecesArrive(t *testing.T) {
	noLeak(t)
	raw, c := pair(t, NewConn)
	fds := eventfds(t, 1)
	go func() {
		b := message(uint32(SetMemTable), version, MemTable{{Guest: 5}}.append(nil))
		for i := range b {
			write(t, raw, b[i:i+1], fds...)
			fds = nil
			time.Sleep(100 * time.Microsecond)
		}
	}()
	m, err := c.Receive()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if table := m.Payload.(MemTable); len(table) != 1 || table[0].Guest != 5 || m.Files() != 1 {
		t.Errorf("received %v", m)
	}
}

func TestAMessageThatStopsHalfwayTimesOut(t *testing.T) {
	noLeak(t)
	for _, n := range []int{1, 11, 12, 15} {
		raw, c := pair(t, NewConn)
		c.SetTimeout(20 * time.Millisecond)
		write(t, raw, message(uint32(SetFeatures), version, make([]byte, 8))[:n], eventfds(t, 2)...)
		if _, err := c.Receive(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%d bytes: error %v, want a deadline that has passed", n, err)
		}
	}
}

func TestTheEndOfAConnectionSaysWhere(t *testing.T) {
	noLeak(t)
	for n, want := range map[int]error{0: io.EOF, 1: io.ErrUnexpectedEOF, 12: io.ErrUnexpectedEOF, 19: io.ErrUnexpectedEOF} {
		raw, c := pair(t, NewConn)
		if n > 0 {
			write(t, raw, message(uint32(SetFeatures), version, make([]byte, 8))[:n], eventfds(t, 1)...)
		}
		raw.Close()
		if _, err := c.Receive(); err != want {
			t.Errorf("closed after %d bytes: error %v, want %v", n, err, want)
		}
	}
}

func TestCloseEndsWaiting(t *testing.T) {
	_, c := pair(t, NewConn)
	time.AfterFunc(10*time.Millisecond, func() { c.Close() })
	if _, err := c.Receive(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("error %v, want %v", err, net.ErrClosed)
	}
}

func TestTakenDescriptorsStayOpen(t *testing.T) {
	noLeak(t)
	raw, c := pair(t, NewConn)
	write(t, raw, message(uint32(SetLogFD), version, nil), eventfds(t, 1)...)
	m, err := c.Receive()
	if err != nil {
		t.Fatal(err)
	}
	fd := m.Take(0)
	if again, none, before := m.Take(0), m.Take(1), m.Take(-1); again != -1 || none != -1 || before != -1 {
		t.Errorf("taken again: %d; taken where there is none: %d, %d", again, none, before)
	}
	m.Close()
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("flags %d, error %v: want an open descriptor that is closed on exec", flags, err)
	}
	unix.Close(fd)
}

// The other side has the descriptor as well, takes O_NONBLOCK off it, and does not read.
func TestNobodyWaitsInTheKernelForTheOtherSide(t *testing.T) {
	noLeak(t)
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	theirs := fds[1]
	defer unix.Close(theirs)
	for name, do := range map[string]func(c *Conn) error{
		"sending": func(c *Conn) (err error) {
			for err == nil {
				err = c.Tell(BackendIOTLB, IOTLB{Type: IOTLBMiss})
			}
			return err
		},
		"receiving": func(c *Conn) error {
			_, err := c.answer(BackendIOTLB)
			return err
		},
	} {
		ours, err := unix.Dup(theirs)
		if err != nil {
			t.Fatal(err)
		}
		c, err := BackendConnOf(ours, new(Bin))
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.SetNonblock(theirs, false); err != nil {
			t.Fatal(err)
		}
		c.SetTimeout(50 * time.Millisecond)
		ended := make(chan error, 1)
		go func() { ended <- do(c) }()
		select {
		case err := <-ended:
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s ends with %v", name, err)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("%s does not end", name)
			unix.Shutdown(theirs, unix.SHUT_RDWR)
			<-ended
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

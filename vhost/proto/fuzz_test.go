package proto

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// FuzzReceive has the other side send anything, in pieces, with descriptors: each is a message as the protocol has it or
// an error, and no descriptor is left over.
//
// Input: one byte of choice (which channel, whether the reply to some request is waited for), then pieces: number of
// descriptors, length, bytes.
func FuzzReceive(f *testing.F) {
	for _, s := range samples {
		b := message(s.request.number(), version, s.bytes())
		channel := byte(0)
		if s.request >= backendBase {
			channel = 1
		}
		f.Add(append([]byte{channel, byte(s.files), byte(min(len(b), 255))}, b...))
		if len(b) <= 255 {
			f.Add(append(append([]byte{channel, 3, 12}, b[:12]...), append([]byte{2, byte(len(b) - 12)}, b[12:]...)...))
		}
	}
	file, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) == 0 {
			return
		}
		wrap := NewConn
		if in[0]&1 != 0 {
			wrap = NewBackendConn
		}
		before := openFiles(t)
		raw, c := pair(t, wrap)
		c.SetTimeout(time.Second)
		throw(raw, in[1:], file)
		raw.CloseWrite()
		if asked := c.request(header{request: uint32(in[0] >> 1)}); in[0]&0x80 != 0 && asked.Known() {
			if m, err := c.answer(asked); err == nil {
				check(t, m)
			}
		}
		for {
			m, err := c.Receive()
			if fault, ok := err.(*Fault); ok && fault.Whole {
				c.Refuse(fault)
				continue
			}
			if err != nil {
				break
			}
			check(t, m)
		}
		raw.Close()
		c.Close()
		if after := openFiles(t); after != before {
			t.Errorf("%d descriptors are open, %d were before", after, before)
		}
	})
}

// throw writes pieces of bytes with copies of file.
func throw(raw *net.UnixConn, in []byte, file int) {
	raw.SetWriteDeadline(time.Now().Add(time.Second))
	for len(in) >= 3 {
		fds := make([]int, in[0]%12)
		for i := range fds {
			fds[i] = file
		}
		n := min(int(in[1]), len(in)-2)
		if n == 0 {
			break // descriptors go with bytes
		}
		var rights []byte
		if len(fds) > 0 {
			rights = unix.UnixRights(fds...)
		}
		if _, _, err := raw.WriteMsgUnix(in[2:2+n], rights, nil); err != nil {
			break
		}
		in = in[2+n:]
	}
}

// check takes every second descriptor and closes the rest with the message. Whatever a message holds can be sent.
func check(t *testing.T, m *Message) {
	if m.Files() > MaxFiles {
		t.Errorf("%d descriptors", m.Files())
	}
	if m.Payload != nil && len(m.Payload.append(nil)) > MaxPayload {
		t.Errorf("%v is longer than it can be", m)
	}
	if fd := m.Take(1); fd >= 0 {
		unix.Close(fd)
	}
	m.Close()
	if m.String() == "" {
		t.Error("a message without a name")
	}
}

// FuzzFeatures has any text as a list of features: it is refused, or comes out as it went in.
func FuzzFeatures(f *testing.F) {
	for _, s := range []string{"none", "csum, gso", "bit50 bit51", "mrg_rxbuf version_1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		one, err := ParseFeatures(text)
		if err != nil {
			return
		}
		if two, err := ParseFeatures(one.String()); err != nil || one != two {
			t.Errorf("%q is read as %v, and that as %v, %v", text, one, two, err)
		}
	})
}

package proto

import (
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// The descriptor of a channel may be the other side's as well (SetBackendReqFD), who may then take O_NONBLOCK off it: a call that
// relies on that flag waits in the kernel, where neither a deadline nor Close ends it. So each call says itself that it does not wait.

// readSock reads into b and control what has come, or waits for something. io.EOF is the end.
func readSock(sock *net.UnixConn, b, control []byte) (n, controls, flags int, err error) {
	raw, err := sock.SyscallConn()
	if err != nil {
		return 0, 0, 0, err
	}
	var failed error
	err = raw.Read(func(fd uintptr) (done bool) {
		failed = uninterrupted(func() (err error) {
			n, controls, flags, _, err = unix.Recvmsg(int(fd), b, control, unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
			return err
		})
		return failed != unix.EAGAIN
	})
	switch {
	case err != nil:
		return 0, 0, 0, err
	case failed != nil:
		return 0, 0, 0, os.NewSyscallError("recvmsg", failed)
	case n == 0:
		return 0, controls, flags, io.EOF
	}
	return n, controls, flags, nil
}

// uninterrupted calls again what a signal has cut short. It must not wait instead: what has come has been announced, once.
func uninterrupted(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

// writeSock writes all of b; rights go with its first part.
func writeSock(sock *net.UnixConn, b, rights []byte) error {
	raw, err := sock.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Write(func(fd uintptr) (done bool) {
		for len(b) > 0 {
			var n int
			err := uninterrupted(func() (err error) {
				n, err = unix.SendmsgN(int(fd), b, rights, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
				return err
			})
			switch err {
			case nil:
				b, rights = b[n:], nil
			case unix.EAGAIN:
				return false
			default:
				failed = os.NewSyscallError("sendmsg", err)
				return true
			}
		}
		return true
	})
	if err != nil {
		return err
	}
	return failed
}

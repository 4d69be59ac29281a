package nstest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"time"
)

// patience is how long traffic may take before the test fails.
const patience = 15 * time.Second

// TCP sends size bytes from client to a server at addr in n, checks that they arrive unchanged and
// returns how long it took.
func (n *NS) TCP(client *NS, addr string, size int) time.Duration {
	n.t.Helper()
	var l net.Listener
	n.Do(func() (err error) { l, err = net.Listen("tcp", net.JoinHostPort(addr, "0")); return err })
	defer l.Close()
	type sum struct {
		crc uint32
		err error
	}
	got := make(chan sum, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			got <- sum{err: err}
			return
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience))
		h := crc32.NewIEEE()
		_, err = io.Copy(h, c)
		got <- sum{h.Sum32(), err}
	}()
	var c net.Conn
	client.Do(func() (err error) { c, err = net.DialTimeout("tcp", l.Addr().String(), patience); return err })
	_ = c.SetDeadline(time.Now().Add(patience))
	data := make([]byte, size)
	for i := 0; i+4 <= size; i += 4 {
		binary.BigEndian.PutUint32(data[i:], uint32(i)*2654435761)
	}
	began := time.Now()
	_, err := c.Write(data)
	if err = errors.Join(err, c.Close()); err != nil {
		n.t.Fatalf("send %d bytes over TCP: %v", size, err)
	}
	s := <-got
	if want := crc32.ChecksumIEEE(data); s.err != nil || s.crc != want {
		n.t.Fatalf("%d bytes over TCP arrived with checksum %#x and error %v, want %#x", size, s.crc, s.err, want)
	}
	return time.Since(began)
}

// UDP has a server at addr in n echo packets with payloads of the sizes given.
func (n *NS) UDP(client *NS, addr string, sizes ...int) {
	n.t.Helper()
	if err := n.TryUDP(client, addr, patience, sizes...); err != nil {
		n.t.Fatal(err)
	}
}

// TryUDP is UDP with an error instead of a failed test when no echo comes in time.
func (n *NS) TryUDP(client *NS, addr string, wait time.Duration, sizes ...int) error {
	n.t.Helper()
	var server net.PacketConn
	n.Do(func() (err error) { server, err = net.ListenPacket("udp", net.JoinHostPort(addr, "0")); return err })
	defer server.Close()
	go func() {
		buf := make([]byte, 65536)
		for {
			k, from, err := server.ReadFrom(buf)
			if err != nil {
				return // closed
			}
			_, _ = server.WriteTo(buf[:k], from)
		}
	}()
	var c net.Conn
	client.Do(func() (err error) { c, err = net.Dial("udp", server.LocalAddr().String()); return err })
	defer c.Close()
	buf := make([]byte, 65536)
	for _, size := range sizes {
		data := bytes.Repeat([]byte{byte(size)}, size)
		if err := echo(c, data, buf, wait); err != nil {
			return fmt.Errorf("echo %d bytes over UDP to %s: %w", size, addr, err)
		}
	}
	return nil
}

// echo sends data until it comes back: a packet may be lost while addresses are resolved, or be sent again
// because its echo is late. Echoes of another size are such late ones.
func echo(c net.Conn, data, buf []byte, wait time.Duration) error {
	for deadline := time.Now().Add(wait); ; {
		if _, err := c.Write(data); err != nil {
			return err
		}
		_ = c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		k, err := c.Read(buf)
		for err == nil && k != len(data) {
			k, err = c.Read(buf)
		}
		switch {
		case err == nil && bytes.Equal(buf[:k], data):
			return nil
		case err == nil:
			return fmt.Errorf("%d bytes came back changed", k)
		case time.Now().After(deadline):
			return err
		}
	}
}

// Ping sends an ICMP echo request from n to addr, an IPv4 address, and waits for the answer.
func (n *NS) Ping(addr string, size int) {
	n.t.Helper()
	var c *net.IPConn
	n.Do(func() (err error) {
		c, err = net.DialIP("ip4:icmp", nil, &net.IPAddr{IP: net.ParseIP(addr)})
		return err
	})
	defer c.Close()
	request := make([]byte, 8+size) // RFC 792, page 14
	request[0] = 8
	binary.BigEndian.PutUint16(request[4:], 0x4356)
	binary.BigEndian.PutUint16(request[2:], ^sum16(request))
	buf := make([]byte, 65536)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if _, err := c.Write(request); err != nil {
			n.t.Fatalf("ping %s: %v", addr, err)
		}
		_ = c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		if k, _, err := c.ReadFrom(buf); err == nil && k == len(request) && buf[0] == 0 && bytes.Equal(buf[4:k], request[4:]) {
			return
		}
	}
	n.t.Fatalf("ping %s: no answer", addr)
}

// sum16 is the one's complement sum of RFC 1071.
func sum16(b []byte) uint16 {
	var s uint32
	for i := 0; i+1 < len(b); i += 2 {
		s += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	if len(b)%2 == 1 {
		s += uint32(b[len(b)-1]) << 8
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

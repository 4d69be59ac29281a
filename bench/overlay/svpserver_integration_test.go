//go:build integration

package overlay

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/culvertdev/culvert/bench/lab"
)

// What the protocol calls its messages (illumos, libvarpd_svp_prot.h).
const (
	svpVL2Req, svpVL2Ack     = 3, 4
	svpVL3Req, svpVL3Ack     = 5, 6
	svpLogReq, svpLogAck     = 9, 10
	svpLogRm, svpLogRmAck    = 11, 12
	svpShootdown             = 13
	svpNotFound              = 2
	svpLogVL2                = 1
	svpHeader, svpMAC, svpID = 16, 6, 16
)

// A svpServer is a server of SVP version 1, and at the same time a host that SHOOTDOWN can be sent to: the messages are told
// apart by what they are.
type svpServer struct {
	mu     sync.Mutex
	guests map[[svpMAC]byte]netip.Addr // behind which end they are
	owners map[netip.Addr][svpMAC]byte
	log    map[byte][svpMAC]byte // guests that are elsewhere now, by number of the entry
	asked  map[[svpMAC]byte]int  // how often for a guest
	shot   [][svpMAC]byte        // guests that somebody says not to have
}

// serveSVP has a server listen at an address of a namespace until the test ends.
func serveSVP(t *testing.T, in *lab.Namespace, at netip.AddrPort) *svpServer {
	t.Helper()
	s := &svpServer{guests: make(map[[svpMAC]byte]netip.Addr), owners: make(map[netip.Addr][svpMAC]byte), log: make(map[byte][svpMAC]byte),
		asked: make(map[[svpMAC]byte]int)}
	var l net.Listener
	must(t, in.Do(func() (err error) { l, err = net.Listen("tcp", at.String()); return err }))
	var routines sync.WaitGroup
	var conns sync.Map
	routines.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Store(c, true)
			routines.Go(func() {
				defer c.Close()
				s.serve(c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		conns.Range(func(c, _ any) bool { c.(net.Conn).Close(); return true })
		routines.Wait()
	})
	return s
}

// do looks at the server, or changes it.
func (s *svpServer) do(what func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	what()
}

// move says that a guest is behind another end, and logs that it is not where it was.
func (s *svpServer) move(mac [svpMAC]byte, to netip.Addr) {
	s.do(func() {
		s.guests[mac] = to
		s.log[byte(len(s.log))] = mac
	})
}

func (s *svpServer) serve(c net.Conn) {
	for {
		var h [svpHeader]byte
		if _, err := io.ReadFull(c, h[:]); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(h[4:]))
		if _, err := io.ReadFull(c, body); err != nil {
			return
		}
		op, answer := s.answer(binary.BigEndian.Uint16(h[2:]), body)
		if op == 0 {
			continue
		}
		if _, err := c.Write(svpMessage(op, binary.BigEndian.Uint32(h[8:]), answer)); err != nil {
			return
		}
	}
}

// svpMessage returns a message.
func svpMessage(op uint16, id uint32, body []byte) []byte {
	b := binary.BigEndian.AppendUint16([]byte{0, 1}, op)
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
	b = append(binary.BigEndian.AppendUint32(b, id), 0, 0, 0, 0)
	b = append(b, body...)
	binary.BigEndian.PutUint32(b[12:], crc32.ChecksumIEEE(b))
	return b
}

// svpGuest returns the body of a SHOOTDOWN.
func svpGuest(mac [svpMAC]byte, vni uint32) []byte {
	return binary.BigEndian.AppendUint32(append(mac[:], 0, 0), vni)
}

// answer answers a request; 0 is no answer.
func (s *svpServer) answer(op uint16, body []byte) (answer uint16, b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch op {
	case svpVL2Req:
		mac := [svpMAC]byte(body)
		s.asked[mac]++
		end, status := s.at(mac)
		return svpVL2Ack, append([]byte{0, status, vxlanPort >> 8, vxlanPort & 0xff}, end[:]...)
	case svpVL3Req:
		mac := s.owners[netip.AddrFrom16([16]byte(body)).Unmap()]
		end, status := s.at(mac)
		b = append([]byte{0, 0, 0, status}, mac[:]...)
		return svpVL3Ack, append(append(b, vxlanPort>>8, vxlanPort&0xff), end[:]...)
	case svpLogReq:
		b = make([]byte, 4)
		for number, mac := range s.log {
			id := [svpID]byte{number, svpLogVL2}
			b = append(append(binary.BigEndian.AppendUint32(b, svpLogVL2), id[:]...), svpGuest(mac, key)...)
		}
		return svpLogAck, b
	case svpLogRm:
		for at := 4; at < len(body); at += svpID {
			delete(s.log, body[at])
		}
		return svpLogRmAck, make([]byte, 4)
	case svpShootdown:
		s.shot = append(s.shot, [svpMAC]byte(body))
	}
	return 0, nil
}

// at returns behind which end a guest is.
func (s *svpServer) at(mac [svpMAC]byte) (end [16]byte, status byte) {
	a, ok := s.guests[mac]
	if !ok {
		return end, svpNotFound
	}
	return a.As16(), 0
}

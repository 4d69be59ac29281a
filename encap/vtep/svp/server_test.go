package svp

import (
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
)

// A server is the other side of the protocol, written from its description: it knows guests, keeps a log of
// what has changed, and can be told to be slow, wrong or gone.
type server struct {
	t      *testing.T
	listen net.Listener

	mu      sync.Mutex
	guests  map[guestName]place
	ips     map[ipName][6]byte
	log     map[[idLen]byte]entry
	status  status // of all answers, if not statusOK
	silent  bool
	garble  func([]byte) []byte // what answers become
	asked   map[op]int
	logSelf netip.Addr // of the last LOG_REQ
	twice   bool       // each entry is in the log twice
	removed []int      // ids in each LOG_RM
	conns   []net.Conn
}

type guestName struct {
	mac [6]byte
	vni uint32
}

type ipName struct {
	addr netip.Addr
	vni  uint32
}

type place struct {
	addr netip.Addr
	port uint16
}

func newServer(t *testing.T) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, listen: l, guests: make(map[guestName]place), ips: make(map[ipName][6]byte),
		log: make(map[[idLen]byte]entry), asked: make(map[op]int)}
	var routines sync.WaitGroup
	routines.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, c)
			s.mu.Unlock()
			routines.Go(func() { s.serve(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		s.drop()
		routines.Wait()
	})
	return s
}

func (s *server) addr() string { return s.listen.Addr().String() }

// drop closes the connections there are.
func (s *server) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		c.Close()
	}
	s.conns = nil
}

// do changes the server.
func (s *server) do(what func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	what()
}

// times says how often the server was asked for something.
func (s *server) times(o op) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[o]
}

// logged returns how many entries are in the log.
func (s *server) logged() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.log)
}

func (s *server) serve(c net.Conn) {
	defer c.Close()
	for {
		m, err := readMessage(c)
		if err != nil {
			return
		}
		if b := s.answer(m); b != nil {
			if _, err := c.Write(b); err != nil {
				return
			}
		}
	}
}

func (s *server) answer(m message) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[m.op]++
	if s.silent {
		return nil
	}
	var o op
	var body []byte
	switch b := m.body; m.op {
	case opVL2Req:
		o = opVL2Ack
		at, ok := s.guests[guestName{[6]byte(b), order.Uint32(b[8:])}]
		body = ackBody(o, s.how(ok), [6]byte{}, at.port, at.addr)
	case opVL3Req:
		o = opVL3Ack
		vni := order.Uint32(b[20:])
		mac, ok := s.ips[ipName{netip.AddrFrom16([16]byte(b)).Unmap(), vni}]
		at := s.guests[guestName{mac, vni}]
		body = ackBody(o, s.how(ok), mac, at.port, at.addr)
	case opLogReq:
		o = opLogAck
		s.logSelf = netip.AddrFrom16([16]byte(b[4:])).Unmap()
		body = order.AppendUint32(nil, uint32(s.how(true)))
		for _, e := range s.log {
			more := logEntry(e)
			if s.twice {
				more = append(more, more...)
			}
			if len(body)+len(more) <= int(order.Uint32(b)) {
				body = append(body, more...)
			}
		}
	case opLogRm:
		o = opLogRmAck
		s.removed = append(s.removed, len(b[4:])/idLen)
		for id := range slices.Chunk(b[4:], idLen) {
			delete(s.log, [idLen]byte(id))
		}
		body = order.AppendUint32(nil, uint32(s.how(true)))
	default:
		return nil
	}
	out := appendMessage(nil, o, m.id, body)
	if s.garble != nil {
		out = s.garble(out)
	}
	return out
}

func (s *server) how(found bool) status {
	if s.status != statusOK {
		return s.status
	}
	if !found {
		return statusNotFound
	}
	return statusOK
}

// move puts a guest somewhere and logs that it was elsewhere.
func (s *server) move(mac [6]byte, vni uint32, ip netip.Addr, at place) {
	s.do(func() {
		s.guests[guestName{mac, vni}] = at
		s.ips[ipName{ip, vni}] = mac
		n := byte(len(s.log))
		maps.Copy(s.log, map[[idLen]byte]entry{
			{n, 2}: {id: [idLen]byte{n, 2}, kind: logVL2, mac: mac, vni: vni},
			{n, 3}: {id: [idLen]byte{n, 3}, kind: logVL3, addr: ip, vni: vni},
		})
	})
}

// ackBody returns the body of the answer to a VL2 or VL3 request.
func ackBody(o op, s status, mac [6]byte, port uint16, addr netip.Addr) []byte {
	var b []byte
	if o == opVL2Ack {
		b = order.AppendUint16(b, uint16(s))
	} else {
		b = append(order.AppendUint32(b, uint32(s)), mac[:]...)
	}
	b = order.AppendUint16(b, port)
	var ip [16]byte
	if addr.IsValid() {
		ip = addr.As16()
	}
	return append(b, ip[:]...)
}

// logEntry returns e as it is in the log.
func logEntry(e entry) []byte {
	b := append(order.AppendUint32(nil, e.kind), e.id[:]...)
	if e.kind == logVL2 {
		b = append(append(b, e.mac[:]...), 0, 0)
	} else {
		ip := e.addr.As16()
		b = append(append(b, ip[:]...), 0, 0, 0, 0)
	}
	return order.AppendUint32(b, e.vni)
}

package svp

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"net/netip"
)

// version is the version of the protocol.
const version = 1

// An op says what a message is (svp_op_t).
type op uint16

const (
	opPing      op = 0x01
	opPong      op = 0x02
	opVL2Req    op = 0x03
	opVL2Ack    op = 0x04
	opVL3Req    op = 0x05
	opVL3Ack    op = 0x06
	opLogReq    op = 0x09
	opLogAck    op = 0x0a
	opLogRm     op = 0x0b
	opLogRmAck  op = 0x0c
	opShootdown op = 0x0d
)

// A status is how a request went (svp_status_t).
type status uint32

const (
	statusOK       status = 0
	statusNotFound status = 2
)

// Kinds of addresses in a VL3 request (svp_vl3_type_t), and of entries of the log (svp_log_type_t).
const (
	typeIPv4 = 1
	typeIPv6 = 2
	logVL2   = 1
	logVL3   = 2
)

// Sizes in bytes.
const (
	headerLen  = 16 // version 2, op 2, size 4, id 4, CRC32 4
	vl2ReqLen  = 12 // MAC 6, nothing 2, VNI 4
	vl2AckLen  = 20 // status 2, port 2, address 16
	vl3ReqLen  = 24 // address 16, type 4, VNI 4
	vl3AckLen  = 28 // status 4, MAC 6, port 2, address 16
	logReqLen  = 20 // bytes wanted 4, address 16
	logVL2Len  = 32 // type 4, id 16, MAC 6, nothing 2, VNI 4
	logVL3Len  = 44 // type 4, id 16, address 16, nothing 2, VLAN 2, VNI 4
	idLen      = 16
	shootLen   = 12   // MAC 6, nothing 2, VNI 4
	logRoom    = 4096 // asked for in a LOG_REQ: the status and entries
	maxBodyLen = 64 << 10
)

var (
	errVersion = errors.New("a message of another version than 1")
	errSize    = errors.New("a message of a length that it cannot have")
	errCRC     = errors.New("a message whose CRC32 is wrong")
	errEntry   = errors.New("an entry of the log that is neither VL2 nor VL3")
)

var order = binary.BigEndian

// appendMessage appends a message to b. The CRC32 (IEEE 802.3) is that of the message with 0 in its place;
// the size does not count the header. id comes back with the answer.
func appendMessage(b []byte, o op, id uint32, body []byte) []byte {
	at := len(b)
	b = order.AppendUint16(b, version)
	b = order.AppendUint16(b, uint16(o))
	b = order.AppendUint32(b, uint32(len(body)))
	b = order.AppendUint32(b, id)
	b = order.AppendUint32(b, 0)
	b = append(b, body...)
	order.PutUint32(b[at+12:], crc32.ChecksumIEEE(b[at:]))
	return b
}

// A message is one that was read.
type message struct {
	op   op
	id   uint32
	body []byte
}

// readMessage reads a message.
func readMessage(r io.Reader) (m message, err error) {
	var header [headerLen]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return m, err
	}
	size := order.Uint32(header[4:])
	switch {
	case order.Uint16(header[0:]) != version:
		return m, errVersion
	case size > maxBodyLen:
		return m, errSize
	}
	m = message{op: op(order.Uint16(header[2:])), id: order.Uint32(header[8:]), body: make([]byte, size)}
	if _, err := io.ReadFull(r, m.body); err != nil {
		return m, err
	}
	sum := order.Uint32(header[12:])
	clear(header[12:])
	if crc32.Update(crc32.ChecksumIEEE(header[:]), crc32.IEEETable, m.body) != sum {
		return m, errCRC
	}
	return m, nil
}

// guestBody returns the body of a VL2 request and of a SHOOTDOWN.
func guestBody(mac [6]byte, vni uint32) []byte {
	b := make([]byte, vl2ReqLen)
	copy(b, mac[:])
	order.PutUint32(b[8:], vni)
	return b
}

// readGuest reads the body of a SHOOTDOWN.
func readGuest(b []byte) (mac [6]byte, vni uint32, err error) {
	if len(b) != shootLen {
		return mac, 0, errSize
	}
	return [6]byte(b), order.Uint32(b[8:]), nil
}

// vl3Body returns the body of a VL3 request. IPv4 addresses are sent as IPv4-mapped ones.
func vl3Body(addr netip.Addr, vni uint32) []byte {
	b := make([]byte, vl3ReqLen)
	ip := addr.As16()
	copy(b, ip[:])
	kind := uint32(typeIPv6)
	if addr.Is4() {
		kind = typeIPv4
	}
	order.PutUint32(b[16:], kind)
	order.PutUint32(b[20:], vni)
	return b
}

// An ack is the answer to a VL2 or VL3 request.
type ack struct {
	status status
	mac    [6]byte // VL3
	port   uint16
	addr   netip.Addr
}

// readAck reads the body of an answer to a VL2 or VL3 request.
func readAck(m message) (a ack, err error) {
	b := m.body
	switch {
	case m.op == opVL2Ack && len(b) == vl2AckLen:
		a.status, a.port = status(order.Uint16(b)), order.Uint16(b[2:])
		a.addr = netip.AddrFrom16([16]byte(b[4:])).Unmap()
	case m.op == opVL3Ack && len(b) == vl3AckLen:
		a.status, a.mac, a.port = status(order.Uint32(b)), [6]byte(b[4:]), order.Uint16(b[10:])
		a.addr = netip.AddrFrom16([16]byte(b[12:])).Unmap()
	default:
		return a, errSize
	}
	return a, nil
}

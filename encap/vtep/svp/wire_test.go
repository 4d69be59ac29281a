package svp

import (
	"bytes"
	"errors"
	"net/netip"
	"slices"
	"testing"
)

var (
	guestMAC = [6]byte{2, 0, 0, 0, 0, 1}
	hostA    = netip.MustParseAddr("192.0.2.1")
)

// A request as the structures of the protocol's description make it: ver 1, op 3, 12 bytes, id 5; the CRC32 is
// that of zlib over the message with 0 in its place.
func TestARequestOnTheWire(t *testing.T) {
	got := appendMessage(nil, opVL2Req, 5, guestBody(guestMAC, 7))
	want := []byte{
		0, 1, 0, 3, 0, 0, 0, 12, 0, 0, 0, 5, 0xcc, 0x9c, 0x3b, 0x32,
		2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 7,
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("% x\nwant % x", got, want)
	}
	m, err := readMessage(bytes.NewReader(got))
	if err != nil || m.op != opVL2Req || m.id != 5 || !bytes.Equal(m.body, want[headerLen:]) {
		t.Fatalf("%+v, %v", m, err)
	}
}

func TestAMessageThatWasChangedIsRefused(t *testing.T) {
	good := appendMessage(nil, opVL2Req, 5, guestBody(guestMAC, 7))
	for at := range good {
		for bit := range 8 {
			bad := slices.Clone(good)
			bad[at] ^= 1 << bit
			if m, err := readMessage(bytes.NewReader(bad)); err == nil {
				t.Fatalf("bit %d of byte %d: %+v", bit, at, m)
			}
		}
		if _, err := readMessage(bytes.NewReader(good[:at])); err == nil {
			t.Fatalf("%d bytes are a message", at)
		}
	}
}

func TestALogIsReadWholeOrNotAtAll(t *testing.T) {
	body := []byte{0, 0, 0, 0}
	body = append(body, logEntry(entry{kind: logVL2, id: [16]byte{1}, mac: guestMAC, vni: 7})...)
	body = append(body, logEntry(entry{kind: logVL3, id: [16]byte{2}, addr: netip.MustParseAddr("10.0.0.1"), vni: 8})...)
	s, list, err := readLog(body)
	if err != nil || s != statusOK || len(list) != 2 {
		t.Fatalf("%v %v %v", s, list, err)
	}
	if list[0].mac != guestMAC || list[0].vni != 7 || list[1].addr != netip.MustParseAddr("10.0.0.1") || list[1].vni != 8 {
		t.Fatalf("%+v", list)
	}
	if got := removeBody(list); len(got) != 4+2*idLen || got[3] != 2 || got[4] != 1 || got[20] != 2 {
		t.Fatalf("% x", got)
	}
	for n := range body {
		if n == 4 || n == 4+logVL2Len {
			continue // a whole number of entries
		}
		if _, list, err := readLog(body[:n]); err == nil || list != nil {
			t.Fatalf("%d bytes are %v", n, list)
		}
	}
	body[7] = 3
	if _, _, err := readLog(body); !errors.Is(err, errEntry) {
		t.Fatal(err)
	}
}

func FuzzAMessage(f *testing.F) {
	f.Add(appendMessage(nil, opVL2Ack, 1, ackBody(opVL2Ack, statusOK, guestMAC, 4789, hostA)))
	f.Add(appendMessage(nil, opVL3Ack, 1, ackBody(opVL3Ack, statusNotFound, guestMAC, 4789, hostA)))
	f.Add(appendMessage(nil, opShootdown, 0, guestBody(guestMAC, 7)))
	log := append([]byte{0, 0, 0, 0}, logEntry(entry{kind: logVL3, addr: hostA, vni: 7})...)
	f.Add(appendMessage(nil, opLogAck, 1, append(log, logEntry(entry{kind: logVL2})...)))
	f.Fuzz(func(t *testing.T, data []byte) {
		// The CRC32 is put right, or nothing would come through it.
		if len(data) >= headerLen {
			size := min(int(order.Uint32(data[4:])), len(data)-headerLen)
			data = appendMessage(nil, op(order.Uint16(data[2:])), order.Uint32(data[8:]), data[headerLen:headerLen+size])
		}
		m, err := readMessage(bytes.NewReader(data))
		if err != nil {
			return
		}
		if again := appendMessage(nil, m.op, m.id, m.body); !bytes.Equal(again, data) {
			t.Fatalf("% x became % x", data, again)
		}
		if a, err := readAck(m); err == nil && m.op == opVL3Ack {
			if again := ackBody(m.op, a.status, a.mac, a.port, a.addr); !bytes.Equal(again, m.body) {
				t.Fatalf("% x became % x", m.body, again)
			}
		}
		if _, list, err := readLog(m.body); err == nil && len(removeBody(list)) != 4+idLen*len(list) {
			t.Fatal("a log of another length")
		}
		_, _ = readStatus(m.body)
		_, _, _ = readGuest(m.body)
	})
}

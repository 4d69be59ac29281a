package svp

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/culvertdev/culvert/encap/vtep"
)

// logBody returns the body of a LOG_REQ, for what concerns the host whose end is at self.
func logBody(self netip.Addr) []byte {
	b := make([]byte, logReqLen)
	order.PutUint32(b, logRoom)
	ip := self.As16()
	copy(b[4:], ip[:])
	return b
}

// An entry is one of the log: an answer that is no good any more.
type entry struct {
	id   [idLen]byte
	kind uint32
	mac  [6]byte    // logVL2
	addr netip.Addr // logVL3
	vni  uint32
}

// question returns the one whose answer is no good any more.
func (e *entry) question() vtep.Question {
	if e.kind == logVL2 {
		return vtep.ForMAC(e.vni, e.mac)
	}
	return vtep.ForIP(e.vni, e.addr)
}

// questions returns those that entries are about, each once: a guest may have moved more than once since the log was read.
func questions(list []entry) (all []vtep.Question) {
	for i := range list {
		if q := list[i].question(); !slices.Contains(all, q) {
			all = append(all, q)
		}
	}
	return all
}

// readLog reads the body of a LOG_ACK. All of it must be right. An entry that is there twice is one.
func readLog(b []byte) (s status, list []entry, err error) {
	if len(b) < 4 || len(b) > logRoom {
		return 0, nil, errSize
	}
	s, b = status(order.Uint32(b)), b[4:]
	for len(b) > 0 {
		if len(b) < 4 {
			return s, nil, errSize
		}
		e := entry{kind: order.Uint32(b)}
		switch {
		case e.kind == logVL2 && len(b) >= logVL2Len:
			e.mac, e.vni = [6]byte(b[20:]), order.Uint32(b[28:])
			e.id, b = [idLen]byte(b[4:]), b[logVL2Len:]
		case e.kind == logVL3 && len(b) >= logVL3Len:
			e.addr, e.vni = netip.AddrFrom16([16]byte(b[20:])).Unmap(), order.Uint32(b[40:])
			e.id, b = [idLen]byte(b[4:]), b[logVL3Len:]
		case e.kind == logVL2 || e.kind == logVL3:
			return s, nil, errSize
		default:
			return s, nil, fmt.Errorf("%w: %d", errEntry, e.kind)
		}
		if !slices.Contains(list, e) {
			list = append(list, e)
		}
	}
	return s, list, nil
}

// removeBody returns the body of a LOG_RM, for entries that were dealt with.
func removeBody(list []entry) []byte {
	b := order.AppendUint32(nil, uint32(len(list)))
	for i := range list {
		b = append(b, list[i].id[:]...)
	}
	return b
}

// readStatus reads the body of a LOG_RM_ACK.
func readStatus(b []byte) (status, error) {
	if len(b) != 4 {
		return 0, errSize
	}
	return status(order.Uint32(b)), nil
}

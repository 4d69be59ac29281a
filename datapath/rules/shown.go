package rules

import (
	"encoding/binary"
	"net/netip"
)

// What packets show that come in by a tunnel or go into one stands in the trails of their verdicts, word by word: a guest that
// sends with ever other addresses takes no more by it than its flows, whose lists have room for it (datapath.Options, ListWords).
const (
	LessonWords = 9 // words of a Lesson: one each for the VNI and the Ethernet addresses, two for each IP address
	EntryWords  = 4 // of an Entry: VNI and port in one, the Ethernet address in another, two for the IP address
)

// AppendLesson appends l to a trail.
func AppendLesson(trail []uint64, l *Lesson) []uint64 {
	return appendAddrs(append(trail, uint64(l.VNI), macWord(l.Src), macWord(l.Dst)), l.IP, l.From, l.To)
}

// LessonOf is the inverse of AppendLesson, whose ends are valid. There are LessonWords words.
func LessonOf(w []uint64) Lesson {
	return Lesson{VNI: uint32(w[0]), Src: wordMAC(w[1]), Dst: wordMAC(w[2]), IP: saidAddr(w[3:]), From: AddrOf(w[5], w[6]), To: AddrOf(w[7], w[8])}
}

// AppendEntry appends e to a trail.
func AppendEntry(trail []uint64, e *Entry) []uint64 {
	return appendAddrs(append(trail, uint64(e.VNI)<<32|uint64(e.Port), macWord(e.Src)), e.IP)
}

// EntryOf is the inverse of AppendEntry. There are EntryWords words.
func EntryOf(w []uint64) Entry {
	return Entry{VNI: uint32(w[0] >> 32), Port: uint32(w[0]), Src: wordMAC(w[1]), IP: saidAddr(w[2:])}
}

// appendAddrs appends addresses, two words each, to a trail.
func appendAddrs(trail []uint64, list ...netip.Addr) []uint64 {
	for _, a := range list {
		hi, lo := AddrWords(a)
		trail = append(trail, hi, lo)
	}
	return trail
}

// saidAddr returns the address in two words, which is not valid if they are that of a packet that says none.
func saidAddr(w []uint64) netip.Addr {
	if w[0]|w[1] == 0 {
		return netip.Addr{}
	}
	return AddrOf(w[0], w[1])
}

// AddrWords returns an address as two numbers, IPv4 ones mapped into IPv6, of none 0 and 0.
func AddrWords(a netip.Addr) (hi, lo uint64) {
	b := a.As16()
	return binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
}

// AddrOf is the inverse of AddrWords, for addresses that there are.
func AddrOf(hi, lo uint64) netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], hi)
	binary.BigEndian.PutUint64(b[8:], lo)
	return netip.AddrFrom16(b).Unmap()
}

// macWord returns an Ethernet address as a number.
func macWord(mac [6]byte) uint64 {
	var b [8]byte
	copy(b[2:], mac[:])
	return binary.BigEndian.Uint64(b[:])
}

func wordMAC(w uint64) (mac [6]byte) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], w)
	copy(mac[:], b[2:])
	return mac
}

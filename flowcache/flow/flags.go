package flow

import (
	"fmt"
	"math/bits"
	"strings"
)

// Names of the bits of tcp_flags, the least significant first. The last three are reserved.
var tcpFlagNames = [12]string{"fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns", "[200]", "[400]", "[800]"}

// Names of the bits of tun_flags.
var tunFlagNames = [1]string{"oam"}

// parseFlags parses flags by bit: "+syn-ack" matches those named, "syn|ack" or "0x12" all of them,
// "0x12/0x3f" those in the mask.
func parseFlags(s string, names []string, exact Value) (value, mask Value, err error) {
	if s[0] == '+' || s[0] == '-' {
		v, m, err := parseSignedFlags(s, names)
		return UintValue(v), UintValue(m), err
	}
	if text, maskText, ok := strings.Cut(s, "/"); ok {
		if value, err = parseNumber(text, exact); err != nil {
			return value, mask, err
		}
		mask, err = parseNumber(maskText, exact)
		return value, mask, err
	}
	var set uint64
	for part := range strings.SplitSeq(s, "|") {
		bit, ok := flagBit(part, names)
		if !ok {
			v, err := parseNumber(part, exact)
			if err != nil {
				return value, mask, unknownFlag(part, names)
			}
			bit = v.Uint()
		}
		set |= bit
	}
	return UintValue(set), exact, nil
}

// parseSignedFlags parses "+syn-ack".
func parseSignedFlags(s string, names []string) (value, mask uint64, err error) {
	for s != "" {
		sign := s[0]
		if sign != '+' && sign != '-' {
			return 0, 0, fmt.Errorf("want + or - in front of a flag, found %q", s)
		}
		end := 1 + strings.IndexAny(s[1:], "+-")
		if end == 0 {
			end = len(s)
		}
		bit, ok := flagBit(s[1:end], names)
		if !ok {
			return 0, 0, unknownFlag(s[1:end], names)
		}
		if mask&bit != 0 {
			return 0, 0, fmt.Errorf("want each flag once, found %q twice", s[1:end])
		}
		mask |= bit
		if sign == '+' {
			value |= bit
		}
		s = s[end:]
	}
	return value, mask, nil
}

func flagBit(name string, names []string) (bit uint64, ok bool) {
	for i, n := range names {
		if n == name {
			return 1 << i, true
		}
	}
	return 0, false
}

func unknownFlag(found string, names []string) error {
	return fmt.Errorf("want flags of %s or a number, found %q", strings.Join(names, ", "), found)
}

// appendFlags appends flags as OVS prints them: joined by | when all are matched, else signed.
func appendFlags(dst []byte, names []string, value, mask uint64) []byte {
	if mask == 1<<len(names)-1 && len(names) > 1 {
		if value == 0 {
			return append(dst, '0')
		}
		for n := 0; value != 0; n++ {
			if n > 0 {
				dst = append(dst, '|')
			}
			i := bits.TrailingZeros64(value)
			dst = append(dst, names[i]...)
			value &^= 1 << i
		}
		return dst
	}
	for i, name := range names {
		if mask&(1<<i) == 0 {
			continue
		}
		sign := byte('-')
		if value&(1<<i) != 0 {
			sign = '+'
		}
		dst = append(append(dst, sign), name...)
	}
	return dst
}

// A fragWord is a word for nw_frag.
type fragWord struct {
	word        string
	value, mask uint8
}

// fragWords has the words for nw_frag; of several with the same word the first is meant when read.
var fragWords = [...]fragWord{
	{"no", 0, FragAny | FragLater},
	{"first", FragAny, FragAny | FragLater},
	{"later", FragAny | FragLater, FragAny | FragLater},
	{"no", 0, FragAny},
	{"yes", FragAny, FragAny},
	{"not_later", 0, FragLater},
	{"later", FragLater, FragLater},
}

func parseFrag(s string) (value, mask Value, err error) {
	for _, w := range fragWords {
		if strings.EqualFold(s, w.word) {
			return UintValue(uint64(w.value)), UintValue(uint64(w.mask)), nil
		}
	}
	return value, mask, fmt.Errorf("want no, yes, first, later or not_later, found %q", s)
}

// fragText returns the word for a value of nw_frag under a mask; no packet is <error>, a fragment that
// is later without being one.
func fragText(value, mask uint64) string {
	for _, w := range fragWords {
		if uint64(w.value) == value&mask && uint64(w.mask) == mask {
			return w.word
		}
	}
	return "<error>"
}

package flow

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/culvertdev/culvert/flowcache/flow/near"
)

// shorthands are the words that stand for a protocol; they are what shorthand knows.
var shorthands = [...]string{
	"eth", "ip", "ipv4", "ip4", "icmp", "tcp", "udp", "sctp", "ipv6", "ip6", "icmp6", "tcp6", "udp6", "sctp6", "arp", "rarp", "mpls", "mplsm",
}

const digits = "0123456789"

// Hint returns what somebody may have meant who wrote a word that is no field, as it goes behind an error:
// "; did you mean nw_src?", or nothing. others are words besides the names of fields.
func Hint(word string, others ...string) string {
	if word == "" || word[0] >= '0' && word[0] <= '9' {
		return "" // a number
	}
	if series := strings.TrimRight(word, digits); series != word {
		if n := seriesLen(series); n > 1 {
			return fmt.Sprintf("; there are %s0 to %s%d", series, series, n-1)
		}
	}
	return near.Hint(word, append(ruleNames(word), others...))
}

// HintMatch is Hint for a word in a match, which may be a protocol's as well.
func HintMatch(word string, others ...string) string {
	return Hint(word, append(shorthands[:], others...)...)
}

// seriesLen returns how many fields have a name and a number from 0.
func seriesLen(name string) int {
	n := 0
	for {
		if _, ok := fieldNames[name+strconv.Itoa(n)]; !ok {
			return n
		}
		n++
	}
}

// ruleNames returns the names of fields that rules may use, of each series the one with the number of word, else the
// first; those in capital letters only if word is.
func ruleNames(word string) []string {
	number := word[len(strings.TrimRight(word, digits)):]
	if number == "" {
		number = "0"
	}
	var names []string
	for i := range fields {
		f := &fields[i]
		if f.ID == NoField || f.ID.Internal() {
			continue
		}
		for _, name := range append([]string{f.Name}, f.Aliases...) {
			if series := strings.TrimRight(name, digits); series != name && seriesLen(series) > 1 && name != series+number {
				continue
			}
			if name == strings.ToLower(name) || word == strings.ToUpper(word) {
				names = append(names, name)
			}
		}
	}
	return names
}

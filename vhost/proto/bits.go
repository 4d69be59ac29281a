package proto

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// names has the name of each bit of a set, empty for bits that have none.
type names [64]string

// text returns the names of the bits in v, from the lowest on, with a space between; "bit N" without its space for
// one that has no name, "none" for no bits.
func (n *names) text(v uint64) string {
	if v == 0 {
		return "none"
	}
	var out []string
	for ; v != 0; v &= v - 1 {
		i := bits.TrailingZeros64(v)
		if n[i] != "" {
			out = append(out, n[i])
		} else {
			out = append(out, "bit"+strconv.Itoa(i))
		}
	}
	return strings.Join(out, " ")
}

// parse is the inverse of text. Commas separate as spaces do.
func (n *names) parse(what, s string) (v uint64, err error) {
	for _, name := range strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ',' }) {
		if name == "none" {
			continue
		}
		if i := slices.Index(n[:], name); i >= 0 {
			v |= 1 << i
			continue
		}
		number, isBit := strings.CutPrefix(name, "bit")
		i, bad := strconv.ParseUint(number, 10, 8)
		if !isBit || bad != nil || i > 63 || strconv.FormatUint(i, 10) != number {
			return 0, fmt.Errorf("%s %q: there is none of that name", what, name)
		}
		v |= 1 << i
	}
	return v, nil
}

package encap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"github.com/culvertdev/culvert/encap/wire"
)

// GENEVE's header (RFC 8926 section 3.4): version and length of the options in units of 4 bytes; flags; EtherType; VNI.
const (
	geneveSize = 8 // bytes, without options

	geneveLength   = 0x3f // of the first byte
	geneveOAM      = 0x80 // of the second: a control packet
	geneveCritical = 0x40 // there are critical options
)

// An option's header (RFC 8926 section 3.5): class, type, and the length of its value in units of 4 bytes.
const (
	optionSize     = 4    // bytes, without its value
	optionCritical = 0x80 // of the type: who does not know the option drops the packet
	optionLength   = 0x1f // of the fourth byte
)

// MaxOptions is the most bytes of options a packet has.
const MaxOptions = geneveLength * 4 // bytes

var errOptions = errors.New("options: want whole ones, a multiple of 4 bytes each and at most 252 together")

func checkGeneve(o *Outer) error {
	if len(o.Options) > MaxOptions {
		return fmt.Errorf("%d bytes of options: want at most %d", len(o.Options), MaxOptions)
	}
	return checkOptions(o.Options)
}

// nextOption returns the size of the first option in b, its header included; ok is false when it is not all there.
func nextOption(b []byte) (n int, ok bool) {
	if len(b) < optionSize {
		return 0, false
	}
	n = optionSize + int(b[3]&optionLength)*4
	return n, n <= len(b)
}

func sizeGeneve(o *Outer) int { return geneveSize + len(o.Options) }

func buildGeneve(b []byte, o *Outer, _ *descriptor) []byte {
	flags := uint8(0)
	if o.OAM {
		flags |= geneveOAM
	}
	for rest := o.Options; len(rest) > 0; {
		n, _ := nextOption(rest)
		if rest[2]&optionCritical != 0 {
			flags |= geneveCritical
		}
		rest = rest[n:]
	}
	b = append(b, uint8(len(o.Options)/4), flags)
	b = binary.BigEndian.AppendUint16(b, wire.TypeTEB)
	b = binary.BigEndian.AppendUint32(b, o.Key<<8)
	return append(b, o.Options...)
}

func readGeneve(b []byte, _ descriptor, o *Outer) bool {
	if len(b) < geneveSize {
		return false
	}
	o.OAM = b[1]&geneveOAM != 0
	o.Key = binary.BigEndian.Uint32(b[4:]) >> 8
	if len(b) > geneveSize {
		o.Options = b[geneveSize:]
	}
	return true
}

// openGeneve checks the headers. Reserved bits are ignored (RFC 8926 section 3.4). Which critical options are known is
// for who reads the options to say: those that have fields (flow.TLVMap).
func openGeneve(x *Popper, set uint64) {
	for ; set != 0; set &= set - 1 {
		i := bits.TrailingZeros64(set)
		h := x.header(i, geneveSize)
		if h == nil {
			x.drop(i, BadLength)
			continue
		}
		a := &x.arrivals[i]
		size := int(h[0]&geneveLength) * 4
		if h[0]>>6 != 0 || binary.BigEndian.Uint16(h[2:]) != wire.TypeTEB {
			x.drop(i, BadHeader)
			continue
		}
		if size != 0 {
			if h = x.header(i, geneveSize+size); h == nil {
				x.drop(i, BadOptions)
				continue
			}
			if checkOptions(h[geneveSize:]) != nil {
				x.drop(i, BadOptions)
				continue
			}
			a.options = uint8(size)
		}
		a.bits = uint32(h[1] >> 7) // OAM
		a.inner = a.l4 + wire.UDPSize + geneveSize + uint16(size)
	}
}

// checkOptions returns an error unless options end where their lengths say (RFC 8926 section 3.5.1).
func checkOptions(b []byte) error {
	for len(b) > 0 {
		n, ok := nextOption(b)
		if !ok {
			return errOptions
		}
		b = b[n:]
	}
	return nil
}

package xsk

import (
	"testing"

	"github.com/culvertdev/culvert/pmd/option"
	"github.com/culvertdev/culvert/ring/frame"
	"golang.org/x/sys/unix"
)

// FuzzKernel has the kernel do anything it can with its rings: the driver never panics, gives out no
// buffer twice (the pool's audit) and gets all back (the bench's end).
//
// Input: steps of 4 bytes: what, where, length, more.
func FuzzKernel(f *testing.F) {
	f.Add([]byte{0, 0, 60, 0, 1, 0, 60, 0, 2, 0, 0, 0, 3, 0, 0, 0})
	f.Add([]byte{1, 200, 255, 1, 1, 200, 255, 1, 2, 0, 0, 0, 4, 0, 0, 0, 5, 3, 0, 0})
	f.Fuzz(func(t *testing.T, steps []byte) {
		b := newBench(t, 192, 64, 0)
		var taken []uint64
		for ; len(steps) >= 4; steps = steps[4:] {
			where, length, more := uint64(steps[1]), uint32(steps[2]), uint32(steps[3]&1)
			switch steps[0] % 8 {
			case 0:
				b.kernel.Deliver(pattern(int(length)*40, uint32(where)))
			case 1: // a descriptor out of nowhere
				b.kernel.Push(unix.XDPDesc{Addr: where*2048 + frame.Headroom*uint64(steps[3]>>1), Len: length * 9, Options: more})
			case 2:
				b.rx.Recv(&b.batch)
			case 3:
				b.tx.Send(&b.batch)
			case 4:
				b.tx.Flush()
				b.kernel.Transmit(int(length))
			case 5:
				b.kernel.Complete(int(where))
			case 6: // a zero-copy driver keeps some, and gives them back in any order
				if addr, ok := b.kernel.Take(); ok {
					taken = append(taken, addr)
				}
			case 7:
				if n := uint64(len(taken)); n > 0 {
					b.kernel.Push(unix.XDPDesc{Addr: taken[where%n] + frame.Headroom, Len: length, Options: more})
				}
			}
		}
		b.rx.cache.PutBatch(&b.batch)
		if b.kernel.InvalidTx != 0 {
			t.Errorf("%d descriptors sent that the kernel refuses", b.kernel.InvalidTx)
		}
	})
}

// FuzzPass has any text as the value of the pass option: it is refused or it comes out as it went in.
func FuzzPass(f *testing.F) {
	for _, s := range []string{"none", "host", "arp,lldp", "tcp:22, udp:4789", ",", "tcp:-1", "none,none"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		read := func(v string) (filter, error) {
			s := option.Of(map[string]string{OptPass: v})
			return parseFilter(s), s.Err()
		}
		one, err := read(text)
		if err != nil {
			return
		}
		two, err := read(one.String())
		if err != nil || one.String() != two.String() {
			t.Errorf("%q is read as %q, and that as %q, %v", text, one, two, err)
		}
	})
}

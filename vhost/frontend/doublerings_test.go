package frontend

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/vhost/virtq"
)

// give puts packets, each with its header, into the buffers of receive ring i. It returns how many it found buffers for.
func (b *backend) give(i int, packets ...[]byte) (n int) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	var chains virtq.Chains
	for _, p := range packets {
		var used int
		for left := p; len(left) > 0; used++ {
			if k, err := b.rings[i].Take(&chains, 1); err != nil || k == 0 {
				b.t.Logf("no buffer for packet %d: %v", n, err)
				return n
			}
			c := chains.At(0)
			for _, seg := range chains.Writable(c) {
				k := copy(seg, left)
				left = left[k:]
				c.Written += uint32(k)
			}
			b.rings[i].Give(&chains, 1)
		}
		n++
	}
	b.publish(i)
	return n
}

// take returns the packets of transmit ring i, each with its header, and gives their buffers back.
func (b *backend) take(i int) (packets [][]byte) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	var chains virtq.Chains
	for {
		n, err := b.rings[i].Take(&chains, virtq.MaxChains)
		if err != nil {
			b.t.Fatal(err)
		}
		if n == 0 {
			return packets
		}
		for k := range n {
			var p []byte
			for _, seg := range chains.Readable(chains.At(k)) {
				p = append(p, seg...)
			}
			packets = append(packets, p)
		}
		b.rings[i].Give(&chains, n)
		b.publish(i)
	}
}

func (b *backend) publish(i int) {
	b.rings[i].Publish()
	if b.rings[i].Interrupt() {
		unix.Write(b.rings[i].call, binary.NativeEndian.AppendUint64(nil, 1))
	}
}

// takeSome takes chains from a ring, gives fewer of them back, and has the rest in flight.
func (b *backend) takeSome(i, take, give int) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	var chains virtq.Chains
	for k := range take {
		if n, err := b.rings[i].Take(&chains, 1); err != nil || n != 1 {
			b.t.Fatalf("%d chains, %v", n, err)
		}
		if k < give {
			b.rings[i].Give(&chains, 1)
		}
	}
	b.publish(i)
}

// memory returns the bytes of the ring i's part at a user address.
func (b *backend) memory(addr uint64, n int) []byte {
	b.t.Helper()
	m, ok := b.table.User(addr, uint64(n))
	if !ok {
		b.t.Fatalf("%d bytes at %#x are not the guest's", n, addr)
	}
	return m
}

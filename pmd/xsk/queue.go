package xsk

import (
	"errors"
	"fmt"
	"math/bits"
	"sync/atomic"

	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
	"golang.org/x/sys/unix"
)

// ringMemory is the memory of a socket's four rings, wherever it comes from.
type ringMemory struct {
	fill, completion, rx, tx []byte
	offsets                  unix.XDPMmapOffsets
	slots                    uint32 // of each ring
}

// newQueues returns the two halves of a socket over its rings.
func newQueues(pool *frame.Pool, m ringMemory, sock waker, up *atomic.Bool) (rx *rxQueue, tx *txQueue, err error) {
	fill, e1 := newRing[uint64](m.fill, m.offsets.Fr, m.slots)
	completion, e2 := newRing[uint64](m.completion, m.offsets.Cr, m.slots)
	rxRing, e3 := newRing[unix.XDPDesc](m.rx, m.offsets.Rx, m.slots)
	txRing, e4 := newRing[unix.XDPDesc](m.tx, m.offsets.Tx, m.slots)
	if err := errors.Join(e1, e2, e3, e4); err != nil {
		return nil, nil, fmt.Errorf("lay out rings: %w", err)
	}
	rxCache, err := pool.NewCache()
	if err != nil {
		return nil, nil, err
	}
	txCache, err := pool.NewCache()
	if err != nil {
		rxCache.Close()
		return nil, nil, err
	}
	shift := uint8(bits.TrailingZeros(uint(pool.BufferSize())))
	rx = &rxQueue{
		pool: pool, cache: rxCache, shift: shift, sock: sock, fd: -1,
		fill: newProducer(fill), rx: newConsumer(rxRing), held: newBitset(pool.Buffers()),
		counters: counter.NewBlock(rxTable()),
	}
	tx = &txQueue{
		pool: pool, cache: txCache, shift: shift, sock: sock, up: up,
		tx: newProducer(txRing), completion: newConsumer(completion), held: newBitset(pool.Buffers()),
		segments: 1, counters: counter.NewBlock(txTable()),
	}
	return rx, tx, nil
}

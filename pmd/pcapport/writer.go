package pcapport

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/pmd/bell"
	"github.com/culvertdev/culvert/ring"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
)

// idleFlush is how long what was written may lie in the buffer once no more packets come.
const idleFlush = 100 * time.Millisecond

// A writer turns frames into a file's packets.
//
// Thread-safety: run is the goroutine's; frames, bell and stop are shared with the transmit queue and
// whoever closes the port.
type writer struct {
	name     string
	file     *os.File
	buf      *bufio.Writer
	out      *pcapgo.Writer
	clock    func() time.Time
	pool     *frame.Pool
	cache    *frame.Cache
	frames   *ring.SPSC[frame.Frame]
	bell     bell.Bell
	stop     atomic.Bool // no more will be pushed: write what is there and return
	counters *counter.Block
	packet   []byte // scratch: a chain's bytes in one piece
}

// newWriter creates the file o names and writes its header; nil when o names none.
func newWriter(o Options) (*writer, error) {
	if o.Out == "" {
		return nil, nil
	}
	w := &writer{
		name: o.Out, clock: o.Clock, pool: o.Pool,
		frames:   ring.NewSPSC[frame.Frame](o.RingSize),
		counters: counter.NewBlock(writerCounters()),
	}
	if err := w.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("write %s: %w", o.Out, err), w.close())
	}
	return w, nil
}

func (w *writer) open() (err error) {
	if w.cache, err = w.pool.NewCache(); err != nil {
		return err
	}
	if err := w.bell.Open(); err != nil {
		return err
	}
	if w.file, err = os.Create(w.name); err != nil {
		return errors.Unwrap(err) // the path error repeats the name
	}
	w.buf = bufio.NewWriterSize(w.file, 1<<18)
	w.out = pcapgo.NewWriterNanos(w.buf)
	if err := w.out.WriteFileHeader(SnapLen, layers.LinkTypeEthernet); err != nil {
		return err
	}
	return w.buf.Flush()
}

// close gives back what the writer holds; run has returned, or never ran.
func (w *writer) close() error {
	err := w.bell.Close()
	if w.cache != nil {
		w.cache.Close()
	}
	if w.file != nil {
		err = errors.Join(err, w.file.Close())
	}
	return err
}

// finish tells run to write what is there and return.
func (w *writer) finish() {
	w.stop.Store(true)
	w.bell.Ring()
}

// run writes until finish. After an error, which it passes to fail, it frees what comes.
func (w *writer) run(fail func(error)) {
	broken := false
	check := func(err error) {
		if err != nil && !broken {
			broken = true
			fail(fmt.Errorf("write %s: %w", w.name, err))
		}
	}
	for {
		last := w.stop.Load() // before the drain, so that what was pushed before is seen
		for f, ok := w.frames.Pop(); ok; f, ok = w.frames.Pop() {
			if !broken {
				check(w.write(f))
			}
			if broken {
				w.counters.Add(writeFailed, 1)
			}
			w.cache.Put(f)
		}
		w.counters.Publish()
		if last {
			check(w.buf.Flush())
			return
		}
		if w.bell.Arm(); w.frames.Empty() && !w.stop.Load() && !w.wait(idleFlush) {
			check(w.buf.Flush())
			w.wait(-1)
		}
		w.bell.Hush()
	}
}

// wait sleeps until the bell rings or the time is over, below 0 without end; it reports whether the
// bell rang. It may return early.
func (w *writer) wait(d time.Duration) (rung bool) {
	ms := -1
	if d >= 0 {
		ms = int(d.Milliseconds())
	}
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(w.bell.FD()), Events: unix.POLLIN}}, ms)
	return n > 0 || err != nil
}

// write appends a frame to the file's buffer, which it leaves with the caller.
func (w *writer) write(f frame.Frame) error {
	data := w.pool.Bytes(f)
	if f.More() > 0 {
		w.packet = w.pool.AppendTo(w.packet[:0], f)
		data = w.packet
	}
	full := len(data)
	data = data[:min(full, SnapLen)]
	err := w.out.WritePacket(gopacket.CaptureInfo{Timestamp: w.clock(), CaptureLength: len(data), Length: full}, data)
	if err == nil {
		w.counters.Add(writtenPackets, 1)
	}
	return err
}

package pcapport

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
)

// A Port receives a capture file's packets and writes another one.
//
// Thread-safety: as [pmd.Port] says.
type Port struct {
	info   pmd.Info
	log    *slog.Logger
	reader *reader
	writer *writer // nil when nothing is written
	rx     *rxQueue
	tx     *txQueue
	rxs    []pmd.RxQueue
	txs    []pmd.TxQueue
	done   chan struct{}
	work   sync.WaitGroup // reader and writer goroutines

	mu     sync.Mutex
	err    error
	closed bool
}

func open(name string, o Options) (*Port, error) {
	r, err := newReader(o)
	if err != nil {
		return nil, err
	}
	c, err := o.Pool.NewCache()
	if err != nil {
		return nil, errors.Join(err, r.close())
	}
	w, err := newWriter(o) // last: it replaces the file
	if err != nil {
		c.Close()
		return nil, errors.Join(err, r.close())
	}
	p := &Port{
		log:    o.Log.With("port", name, "driver", DriverName),
		reader: r, writer: w,
		rx: &rxQueue{pool: o.Pool, reader: r, counters: counter.NewBlock(pmd.RxCounters())},
		tx: &txQueue{
			pool: o.Pool, cache: c, writer: w, longest: o.MTU + tagRoom,
			counters: counter.NewBlock(txCounters()),
		},
		done: make(chan struct{}),
		info: pmd.Info{Name: name, Driver: DriverName, MAC: o.MAC, MTU: o.MTU, NUMA: -1},
	}
	p.rxs, p.txs = []pmd.RxQueue{p.rx}, []pmd.TxQueue{p.tx}
	p.start()
	return p, nil
}

func (p *Port) start() {
	if p.reader.file != nil {
		p.work.Go(func() {
			if err := p.reader.run(); err != nil {
				p.fail(err)
			}
		})
	}
	if p.writer != nil {
		p.work.Go(func() { p.writer.run(p.fail) })
	}
}

// Info implements pmd.Port.
func (p *Port) Info() pmd.Info { return p.info }

// RxQueues implements pmd.Port: there is one.
func (p *Port) RxQueues() []pmd.RxQueue { return p.rxs }

// TxQueues implements pmd.Port: there is one.
func (p *Port) TxQueues() []pmd.TxQueue { return p.txs }

// LinkUp implements pmd.Port: a file has no carrier to lose.
func (p *Port) LinkUp() bool { return true }

// Done implements pmd.Port: closed when a file cannot be read or written any more. The end of the
// file is not such a case; see Finished.
func (p *Port) Done() <-chan struct{} { return p.done }

// Err implements pmd.Port. The error names the file and, when reading, the number of the packet, from
// 1.
func (p *Port) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// Finished reports whether the worker has received all that the port will ever deliver.
func (p *Port) Finished() bool {
	return p.reader.finished.Load() && p.reader.frames.Empty()
}

// Samples implements pmd.Port: it appends what the reader and the writer count.
func (p *Port) Samples(dst []counter.Sample) []counter.Sample {
	dst = p.reader.counters.Samples(dst)
	if p.writer != nil {
		dst = p.writer.counters.Samples(dst)
	}
	return dst
}

// Close implements pmd.Port. It returns once all that was sent is in the file; its error may be one of
// writing that Err had not seen yet.
func (p *Port) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true
	before := p.err
	p.mu.Unlock()

	close(p.reader.stop)
	if p.writer != nil {
		p.writer.finish()
	}
	p.work.Wait()
	err := p.reader.close()
	if p.writer != nil {
		err = errors.Join(err, p.writer.close())
	}
	p.tx.cache.Close()
	if before == nil {
		err = errors.Join(p.Err(), err)
	}
	if err != nil {
		return fmt.Errorf("close pcap port %s: %w", p.info.Name, err)
	}
	return nil
}

// fail stops the port for the reason given, unless it is stopped already.
func (p *Port) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return
	}
	p.err = err
	close(p.done)
	p.log.Debug("port stopped", "error", err)
}

var _ pmd.Port = (*Port)(nil)

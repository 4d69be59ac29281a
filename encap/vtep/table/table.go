// Package table is a look-up in a table that somebody keeps in a file. The file is read again when it has
// changed; while it cannot be read, the table is as it was.
package table

import (
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/culvertdev/culvert/encap/vtep"
	"github.com/culvertdev/culvert/ring/counter"
)

// lookEvery is how often the file is looked at.
const lookEvery = time.Second

// A Plugin answers from a file. It knows everything there is to know, so what is not in the file is nowhere.
type Plugin struct {
	path string
	read func(path string) (answers, os.FileInfo, error)

	// Of New, and then of Tick:
	seen   os.FileInfo // the file when it was read last, well or not; nil: it was not there
	looked int64       // ns

	mu     sync.Mutex // nobody holds it who reads the file: who asks does not wait for that
	sink   vtep.Sink
	table  answers
	err    error  // why the file could not be read
	reads  uint64 // times it was, and had changed
	faults uint64 // times it could not be
}

// New reads the file at path, which must be right to begin with.
func New(path string) (*Plugin, error) {
	p := &Plugin{path: path, read: read}
	if p.load(); p.err != nil {
		return nil, fmt.Errorf("vtep file: %w", p.err)
	}
	return p, nil
}

// Start implements vtep.Resolver.
func (p *Plugin) Start(s vtep.Sink) error { p.sink = s; return nil }

// Ask implements vtep.Resolver.
func (p *Plugin) Ask(q vtep.Question) error {
	p.mu.Lock()
	a := p.table[q]
	p.mu.Unlock()
	p.sink.Answer(q, a)
	return nil
}

// Tick implements vtep.Ager: it reads the file again if it is another one.
func (p *Plugin) Tick(now int64) {
	if now-p.looked < int64(lookEvery) {
		return
	}
	p.looked = now
	if !p.changed() {
		return
	}
	old := p.table // nobody else changes it
	p.load()
	for _, q := range differences(old, p.table) {
		p.sink.Invalidate(vtep.Scope{Question: q})
	}
}

// changed says whether the file is another one than was read.
func (p *Plugin) changed() bool {
	now, err := os.Stat(p.path)
	if err != nil {
		return p.seen != nil
	}
	return p.seen == nil || !os.SameFile(p.seen, now) || p.seen.Size() != now.Size() || !p.seen.ModTime().Equal(now.ModTime())
}

// load reads the file. The table changes only if all of it is right.
func (p *Plugin) load() {
	table, seen, err := p.read(p.path)
	p.seen = seen
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err = err; err != nil {
		p.faults++
		return
	}
	p.table = table
	p.reads++
}

// read reads the file at path; seen is nil if it is not there.
func read(path string) (table answers, seen os.FileInfo, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO must not block
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	if seen, err = f.Stat(); err != nil {
		return nil, nil, err
	}
	if !seen.Mode().IsRegular() {
		return nil, seen, fmt.Errorf("%s is not a regular file", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	if err != nil {
		return nil, seen, err
	}
	if table, err = parse(data); err != nil {
		return nil, seen, fmt.Errorf("%s:%w", path, err)
	}
	return table, seen, nil
}

// differences returns the questions that two tables answer otherwise.
func differences(a, b answers) []vtep.Question {
	var list []vtep.Question
	for q, x := range a {
		if y := b[q]; !x.Equal(&y) {
			list = append(list, q)
		}
	}
	for q := range b {
		if _, ok := a[q]; !ok {
			list = append(list, q)
		}
	}
	return list
}

// Status implements vtep.Resolver. A plug-in whose file is wrong still answers.
func (p *Plugin) Status() vtep.Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := vtep.Status{Up: true, Text: fmt.Sprintf("%s, %d answers", p.path, len(p.table))}
	if p.err != nil {
		s.Text = "as it was before: " + p.err.Error()
	}
	event := func(name, help string, n uint64) counter.Sample {
		return counter.Sample{Desc: counter.Desc{Name: name, Help: help, Kind: counter.Event}, Value: n}
	}
	s.Samples = []counter.Sample{
		event("vtep_file_read", "Times that the file of a static table was read.", p.reads),
		event("vtep_file_fault", "Times that the file of a static table was missing or wrong.", p.faults),
	}
	return s
}

// Close implements vtep.Resolver.
func (p *Plugin) Close() error { return nil }

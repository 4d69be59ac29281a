package vnf

import "github.com/culvertdev/culvert/ring/frame"

// A processor is the function as its worker sees it.
type processor VNF

// publishEvery is how old published transmit counters may be; those of receive queues are the worker's.
const publishEvery = 1_000_000 // ns

// Process implements pmd.Processor.
func (v *processor) Process(port uint32, b *frame.Batch) {
	v.handle(v.ports[port], b.Frames())
	b.Reset()
	for _, p := range v.ports {
		if p.out.Len() > 0 {
			p.tx.Send(&p.out)
		}
	}
}

// Flush implements pmd.Processor.
func (v *processor) Flush(now int64) int {
	publish := now >= v.publishAt
	if publish {
		v.publishAt = now + publishEvery
	}
	for _, p := range v.ports {
		p.tx.Flush()
		if publish {
			p.tx.Counters().Publish()
		}
	}
	return 0
}

// Park implements pmd.Processor: nothing waits but what ports tell of.
func (v *processor) Park() (ready bool) {
	for _, p := range v.ports {
		p.tx.Counters().Publish()
	}
	return false
}

// Resume implements pmd.Processor.
func (v *processor) Resume() {}

// Package counter counts what happens on the packet path: one writer per block, any number of
// readers, no atomic operation per packet.
//
// The writer adds to a private copy and publishes it from time to time; readers see the published
// values. Every counter has a name and a sentence, and every reason to drop a packet is a counter.
package counter

import "sync/atomic"

// Kind says what a counter's events mean for the packet.
type Kind uint8

// Counter kinds.
const (
	Event Kind = iota // something happened
	Drop              // a packet went no further; the name is the reason
	Bytes             // bytes, not packets
	Fault             // a port's other side broke a rule; the name says which
)

// A Desc names one counter. Tables of them stand in each package's counters.go.
type Desc struct {
	Name string // lower case words joined by underscores, unique within its table
	Help string // one sentence for people
	Kind Kind
}

// A Sample is a counter's value at some time.
type Sample struct {
	Desc
	Value uint64
}

// A Block is the counters of one owner, described by a table that all owners of a kind share.
//
// Thread-safety: Add and Publish are for the one owner; the other methods are safe for all.
type Block struct {
	desc    []Desc
	private []uint64        // the owner's
	last    []uint64        // what the owner has published; the owner's
	public  []atomic.Uint64 // written by the owner, read by all
}

// line is the number of counters in a cache line of 64 bytes.
const line = 8

// NewBlock returns a block of zeros for the counters of desc, which it keeps.
func NewBlock(desc []Desc) *Block {
	// Whole cache lines, and memory of that size starts at one: blocks of different owners share none,
	// nor do an owner's and its readers' halves.
	size := (len(desc) + line - 1) / line * line
	own := make([]uint64, 2*size)
	return &Block{
		desc:    desc,
		private: own[:len(desc):len(desc)],
		last:    own[size : size+len(desc)],
		public:  make([]atomic.Uint64, size)[:len(desc)],
	}
}

// Add adds n to counter i of the table. Readers see it after Publish.
func (b *Block) Add(i int, n uint64) { b.private[i] += n }

// Publish makes all that was added visible to readers. Values that did not change cost no store.
func (b *Block) Publish() {
	for i, v := range b.private {
		if v != b.last[i] {
			b.last[i] = v
			b.public[i].Store(v)
		}
	}
}

// Value returns the published value of counter i.
func (b *Block) Value(i int) uint64 { return b.public[i].Load() }

// Desc returns the table the block was made from. The caller must not change it.
func (b *Block) Desc() []Desc { return b.desc }

// Samples appends the published values to dst, in the order of the table, and returns it.
func (b *Block) Samples(dst []Sample) []Sample {
	for i, d := range b.desc {
		dst = append(dst, Sample{Desc: d, Value: b.public[i].Load()})
	}
	return dst
}

// Sum adds samples of the same name together, keeping the order in which names first appear.
func Sum(samples []Sample) []Sample {
	at := make(map[string]int, len(samples))
	var sum []Sample
	for _, s := range samples {
		i, ok := at[s.Name]
		if !ok {
			at[s.Name] = len(sum)
			sum = append(sum, s)
			continue
		}
		sum[i].Value += s.Value
	}
	return sum
}

package counter

import (
	"fmt"
	"slices"
	"sync"
	"testing"
)

var testTable = []Desc{
	{Name: "seen", Help: "Packets seen."},
	{Name: "no_room", Help: "Packets dropped for want of room.", Kind: Drop},
	{Name: "bytes", Help: "Bytes seen.", Kind: Bytes},
}

func TestReadersSeeWhatWasPublished(t *testing.T) {
	b := NewBlock(testTable)
	b.Add(0, 5)
	b.Add(2, 300)
	if b.Value(0) != 0 {
		t.Error("a value shows before it is published")
	}
	b.Publish()
	b.Add(0, 1)
	want := []Sample{{testTable[0], 5}, {testTable[1], 0}, {testTable[2], 300}}
	if got := b.Samples(nil); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	b.Publish()
	if got := b.Value(0); got != 6 {
		t.Errorf("got %d after the second publication, want 6", got)
	}
	if len(b.Desc()) != 3 {
		t.Error("the table is not the block's")
	}
}

func TestSamplesAreAppended(t *testing.T) {
	a, b := NewBlock(testTable[:1]), NewBlock(testTable[1:])
	got := b.Samples(a.Samples(nil))
	if len(got) != 3 || got[0].Name != "seen" || got[2].Kind != Bytes {
		t.Errorf("got %v", got)
	}
}

func TestBlocksOfAnySizeKeepCountersApart(t *testing.T) {
	for n := range 20 {
		table := make([]Desc, n)
		for i := range table {
			table[i].Name = fmt.Sprint(i)
		}
		a, b := NewBlock(table), NewBlock(table)
		for i := range table {
			a.Add(i, uint64(i+1))
		}
		a.Publish()
		b.Publish()
		for i := range table {
			if a.Value(i) != uint64(i+1) || b.Value(i) != 0 {
				t.Errorf("%d counters: counter %d is %d, the other block's %d", n, i, a.Value(i), b.Value(i))
			}
		}
	}
}

func TestSumAddsByNameInOrderOfAppearance(t *testing.T) {
	s := func(name string, v uint64) Sample { return Sample{Desc{Name: name}, v} }
	for _, c := range []struct {
		name     string
		in, want []Sample
	}{
		{"nothing", nil, nil},
		{"one", []Sample{s("a", 1)}, []Sample{s("a", 1)}},
		{"several", []Sample{s("b", 1), s("a", 2), s("b", 4), s("c", 8), s("a", 16)}, []Sample{s("b", 5), s("a", 18), s("c", 8)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := slices.Clone(c.in)
			if got := Sum(in); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
			if !slices.Equal(in, c.in) {
				t.Error("the samples given changed")
			}
		})
	}
}

// TestReadersNeverSeeACounterShrink has readers watch while the owner counts; under -race it also
// proves that they may.
func TestReadersNeverSeeACounterShrink(t *testing.T) {
	b := NewBlock(testTable)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			last := uint64(0)
			for {
				select {
				case <-stop:
					return
				default:
				}
				v := b.Samples(nil)[0].Value
				if v < last {
					t.Errorf("%d after %d", v, last)
				}
				last = v
			}
		})
	}
	for i := range 100_000 {
		b.Add(0, 1)
		if i%64 == 0 {
			b.Publish()
		}
	}
	b.Publish()
	close(stop)
	wg.Wait()
	if b.Value(0) != 100_000 {
		t.Errorf("got %d, want 100000", b.Value(0))
	}
}

func TestCountingAllocatesNothing(t *testing.T) {
	b := NewBlock(testTable)
	dst := make([]Sample, 0, 8)
	if n := testing.AllocsPerRun(1000, func() {
		b.Add(1, 1)
		b.Publish()
		dst = b.Samples(dst[:0])
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

// BenchmarkBlock is what counting costs a queue: two additions a batch, a publication a millisecond.
func BenchmarkBlock(b *testing.B) {
	b.Run("Add", func(b *testing.B) {
		k := NewBlock(testTable)
		b.ReportAllocs()
		for b.Loop() {
			k.Add(0, 1)
		}
	})
	b.Run("Publish", func(b *testing.B) {
		k := NewBlock(testTable)
		b.ReportAllocs()
		for b.Loop() {
			k.Add(0, 1)
			k.Publish()
		}
	})
}

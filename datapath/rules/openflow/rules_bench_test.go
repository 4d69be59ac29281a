package openflow

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/openflow/classbench"
	"github.com/culvertdev/culvert/flowcache/flow"
)

var setSizes = [...]int{1_000, 10_000, 100_000}

// The first packet of a new flow in a large rule set: packets of all rules in turn, each a cache miss in
// the tables of the look-up.
func BenchmarkRules(b *testing.B) {
	for _, kind := range classbench.Kinds() {
		for _, n := range setSizes {
			b.Run(fmt.Sprintf("%s/%d", kind.Name, n), func(b *testing.B) {
				set := kind.Rules(n, 1)
				tb, _ := newTable(b, Options{}, trunks(1, 2, 3, 4, 5, 6, 7, 8), strings.Join(set, "\n"))
				g := rand.New(rand.NewPCG(1, 2))
				keys := make([]*flow.Key, 4096)
				for i := range keys {
					keys[i] = packet(b, "in_port=1,"+classbench.Header(set[g.IntN(n)], g))
				}
				v := new(rules.Verdict)
				q := &rules.Query{Now: tb.clock()}
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					v.Reset()
					q.Key = keys[i%len(keys)]
					i++
					if err := tb.Lookup(q, v); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N), "ns/pkt")
				b.ReportMetric(float64(tb.tables[0].Masks()), "masks")
			})
		}
	}
}

// A large rule set is read and put into an empty table.
func BenchmarkLoad(b *testing.B) {
	for _, kind := range classbench.Kinds() {
		b.Run(kind.Name+"/100000", func(b *testing.B) {
			text := strings.Join(kind.Rules(100_000, 1), "\n")
			b.ReportAllocs()
			for b.Loop() {
				newTable(b, Options{}, trunks(1, 2), text)
			}
		})
	}
}

// One rule among many is replaced, then taken out.
func BenchmarkChange(b *testing.B) {
	for _, n := range setSizes {
		b.Run(fmt.Sprintf("acl/%d", n), func(b *testing.B) {
			set := classbench.Kinds()[0].Rules(n, 1)
			tb, _ := newTable(b, Options{}, trunks(1, 2), strings.Join(set, "\n"))
			changes := make([]Change, 2*len(set))
			for i, text := range set {
				f, err := ParseFlow(text)
				if err != nil {
					b.Fatal(err)
				}
				changes[2*i].Flow = f
				changes[2*i+1] = Change{OpDelete, Mod{Filter: Filter{Table: f.Table, Match: f.Match, Strict: true, Priority: f.Priority}}}
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if _, err := tb.Apply(changes[i%len(changes):][:1]); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
	}
}

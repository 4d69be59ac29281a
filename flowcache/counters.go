package flowcache

import "github.com/culvertdev/culvert/ring/counter"

// What the writer counts.
const (
	counterInserted = iota
	counterRemoved
	counterUpdated
	counterFull
	counterBucket
	counterPort
	counterExists
	counterNarrowed
	counterConnection
	counterExact
	counterReplaced
	counterShare
)

func counterTable() []counter.Desc {
	return []counter.Desc{
		counterInserted:   {Name: "flows_inserted", Help: "Megaflows entered into the cache."},
		counterRemoved:    {Name: "flows_removed", Help: "Megaflows taken out of the cache."},
		counterUpdated:    {Name: "flows_updated", Help: "Megaflows whose actions were replaced in place."},
		counterFull:       {Name: "insert_full", Help: "Megaflows not entered because the cache was at its capacity."},
		counterBucket:     {Name: "insert_bucket_full", Help: "Megaflows not entered because both buckets of their hash were full."},
		counterPort:       {Name: "insert_port_range", Help: "Megaflows not entered because their input port is beyond those the cache serves."},
		counterExists:     {Name: "insert_exists", Help: "Megaflows not entered because there was one with the same key and mask."},
		counterNarrowed:   {Name: "masks_narrowed", Help: "Megaflows entered under a more specific mask because their port had all the masks it may have."},
		counterConnection: {Name: "masks_connection", Help: "Megaflows entered under the mask of a connection because their port had all the masks it may have."},
		counterReplaced:   {Name: "masks_replaced", Help: "Masks that had to go because many more flows of their port asked for another."},
		counterShare:      {Name: "insert_over_share", Help: "Megaflows not entered because their port had its share of the cache."},
		counterExact:      {Name: "masks_exact", Help: "Megaflows entered under the exact mask because their port had all the masks it may have."},
	}
}

// Counters returns what the writer counted. Reading it is safe for any goroutine.
func (m *Megaflow) Counters() *counter.Block { return m.counters }

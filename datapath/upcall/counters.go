package upcall

import "github.com/culvertdev/culvert/ring/counter"

// What the slow path counts.
const (
	Served = iota
	ByWorkers
	Found
	Installed
	CacheFull
	OverShare
	Deferred
	ListsFull
	Failed
	Delivered
	Unwanted
)

func counters() []counter.Desc {
	return []counter.Desc{
		Served:    {Name: "served", Help: "Packets the slow path has answered."},
		ByWorkers: {Name: "served_by_workers", Help: "Of these, those that workers served themselves, in the poll cycle in which they came as a rule."},
		Found:     {Name: "found", Help: "Packets whose flow was in the cache by the time the slow path came to them."},
		Installed: {Name: "installed", Help: "Flows put into the megaflow cache."},
		CacheFull: {Name: "cache_full", Help: "Flows not cached because the megaflow cache had no room; their packets were served."},
		OverShare: {Name: "over_share", Help: "Flows not cached because their port had its share of the megaflow cache; their packets were served."},
		Deferred:  {Name: "deferred", Help: "Flows not cached, since their port was short of room and this was their first packet; it was served."},
		ListsFull: {Name: "lists_full", Help: "Look-ups whose actions or trail the store of lists had no room for, or found too long: flows not cached, packets dropped (lists_full, too_many_actions) where it was the actions."},
		Delivered: {Name: "delivered", Help: "Packets given to the rule table because a rule says so, such as those to the controller."},
		Unwanted:  {Name: "unwanted", Help: "Packets for the rule table that came when it was another one, which takes none, or its port had gone."},
		Failed:    {Name: "failed", Help: "Look-ups in which the rule table gave an error; their packets were dropped (table_error)."},
	}
}

package api

// GroupText is groups in the syntax of ovs-ofctl add-group.
type GroupText struct {
	Bridge    string   `json:"bridge,omitempty"`     // may be empty when there is one only
	Name      string   `json:"name,omitempty"`       // of the file that the lines come from
	Lines     []string `json:"lines"`                // empty for group.del: every group
	MayCreate bool     `json:"may_create,omitempty"` // group.mod: groups that are not there, too
}

// Group is a group and what it has counted.
type Group struct {
	Bridge  string   `json:"bridge"`
	ID      uint32   `json:"group_id"`
	Type    string   `json:"type"`
	Rules   int      `json:"rules"` // that name it
	Packets uint64   `json:"packets"`
	Bytes   uint64   `json:"bytes"`
	Seconds float64  `json:"duration_seconds"`
	Buckets []Bucket `json:"buckets"`
	Text    string   `json:"text"`  // as ovs-ofctl dump-groups prints it
	Stats   string   `json:"stats"` // as ovs-ofctl dump-group-stats does
}

// Bucket is a bucket of a group and what it has counted.
type Bucket struct {
	ID      uint32 `json:"bucket_id"`
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

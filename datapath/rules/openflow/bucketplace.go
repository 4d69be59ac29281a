package openflow

import (
	"errors"
	"fmt"
)

// insertAt returns where buckets go.
func (g *Group) insertAt(p BucketPlace) (int, error) {
	switch p.Kind {
	case BucketFirst:
		return 0, nil
	case BucketNone, BucketLast:
		return len(g.Buckets), nil
	case BucketAll:
		return 0, errors.New("command_bucket_id: want first, last or the id of a bucket, found all")
	}
	_, to, err := g.span(p)
	return to, err
}

// span returns the first bucket at a place and the one behind its last.
func (g *Group) span(p BucketPlace) (from, to int, err error) {
	n := len(g.Buckets)
	switch p.Kind {
	case BucketFirst:
		return 0, min(1, n), nil
	case BucketLast:
		return max(0, n-1), n, nil
	case BucketAll:
		return 0, n, nil
	case BucketOne:
		for i := range g.Buckets {
			if g.Buckets[i].ID == p.ID {
				return i, i + 1, nil
			}
		}
		return 0, 0, fmt.Errorf("group %d has no bucket %d", g.ID, p.ID)
	}
	return 0, 0, errors.New("command_bucket_id: want first, last, all or the id of a bucket, found none")
}

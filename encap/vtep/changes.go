package vtep

// A Change is one question whose answer is another now, or gone.
type Change struct {
	Tag      uint64 // as Result.Tags has it for the question
	Question Question
}

// A ChangeSet is what has changed. The zero value is nothing.
type ChangeSet struct {
	All     bool // everything may have
	Changes []Change
}

// Reset empties c and keeps its memory.
func (c *ChangeSet) Reset() { c.All, c.Changes = false, c.Changes[:0] }

// logged is how many changes a Directory remembers.
const logged = 4096

// A changeLog remembers the last changes. Its version counts from 1.
type changeLog struct {
	ring    [logged]Change
	version uint64
}

func (l *changeLog) add(c Change) {
	l.ring[l.version%logged] = c
	l.version++
}

func (l *changeLog) since(v uint64, c *ChangeSet) uint64 {
	if v == 0 || v > l.version || l.version-v > logged {
		c.All = true
		return l.version
	}
	for ; v < l.version; v++ {
		c.Changes = append(c.Changes, l.ring[v%logged])
	}
	return l.version
}

// Changes adds to c what has changed after version since and returns the version now. The first call passes
// 0 and gets c.All. A flow whose verdict has none of a change's tag, or was not for its question, is not
// concerned.
func (d *Directory) Changes(since uint64, c *ChangeSet) (version uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.log.since(since, c)
}

package fdb

import "time"

// lockTime is how long after a host has announced itself echoes of that may come (as with OVS, lib/mac-learning.h).
const lockTime = 5 * time.Second

// Lock notes that the host of an address has announced at now where it is, by a port that brings no echoes. What a bond
// sends by one member may come back by another, and would seem to be the host that has moved there: see Locked.
func (t *Table) Lock(key Key, now int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i, ok := t.index[key]; ok && !t.entries[i].static {
		t.entries[i].locked = max(t.entries[i].locked, now+int64(lockTime))
	}
}

// Locked reports whether an announcement of an address that comes in by a bond at now is taken for an echo.
func (t *Table) Locked(key Key, now int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	i, ok := t.index[key]
	return ok && now < t.entries[i].locked
}

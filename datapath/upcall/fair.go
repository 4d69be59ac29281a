package upcall

// plenty is the number of places of its worker that a port may have for each that is free: a port that is alone may have
// three quarters of them, eight that flood the slow path 24 of 25 parts between them, and there is one for any other.
const plenty = 3

// fair reports whether a port that has some places may have one more of those that are free.
func fair(has, free int) bool { return free > 0 && has < max(1, plenty*(free-1)) }

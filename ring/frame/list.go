package frame

// A List is a first-in first-out list of frames, linked through their [Meta.Link]: it needs no
// memory of its own. The zero value is empty. Thread-safety: one goroutine at a time.
type List struct {
	head, tail Frame
	n          int
}

// Len returns the number of frames in l.
func (l *List) Len() int { return l.n }

// Push appends f to l, which owns it from now on.
func (l *List) Push(p *Pool, f Frame) {
	if l.n == 0 {
		l.head = f
	} else {
		p.Meta(l.tail).Link = f
	}
	l.tail = f
	l.n++
}

// Pop removes the oldest frame and gives it to the caller; ok is false when l is empty.
func (l *List) Pop(p *Pool) (f Frame, ok bool) {
	if l.n == 0 {
		return Frame{}, false
	}
	f = l.head
	l.n--
	if l.n > 0 {
		l.head = p.Meta(f).Link
	}
	return f, true
}

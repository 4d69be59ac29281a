package fdb

// A portList is the learned entries of one port: how many, and their ends of the list.
type portList struct {
	port       uint32
	count      int
	head, tail int32 // unused longest, used last
	pos        int   // place in usage.heap
}

// usage keeps the ports ordered by how many entries they have: a binary heap, the largest in front, so
// that finding whom to take from costs the same for ten ports and for a thousand.
//
// Lists of ports that have none left wait in spare: an address that flaps between two ports must not
// make garbage.
type usage struct {
	byPort map[uint32]*portList
	heap   []*portList
	spare  []*portList
}

func newUsage() usage { return usage{byPort: make(map[uint32]*portList)} }

// most returns the port with most entries, nil when there is none.
func (u *usage) most() *portList {
	if len(u.heap) == 0 {
		return nil
	}
	return u.heap[0]
}

// of returns the list of a port, a new one if it has none.
func (u *usage) of(port uint32) *portList {
	l := u.byPort[port]
	if l != nil {
		return l
	}
	if n := len(u.spare); n > 0 {
		l, u.spare = u.spare[n-1], u.spare[:n-1]
	} else {
		l = new(portList)
	}
	*l = portList{port: port, head: none, tail: none, pos: len(u.heap)}
	u.byPort[port] = l
	u.heap = append(u.heap, l)
	return l
}

// add changes a port's count by d and restores the order. A list without entries goes.
func (u *usage) add(l *portList, d int) {
	l.count += d
	u.up(l.pos)
	u.down(l.pos)
	if l.count > 0 {
		return
	}
	// The last leaf takes its place.
	last := len(u.heap) - 1
	i := l.pos
	u.swap(i, last)
	u.heap = u.heap[:last]
	if i < last {
		u.up(i)
		u.down(i)
	}
	delete(u.byPort, l.port)
	u.spare = append(u.spare, l)
}

// less orders by count; equal counts by port, so that runs repeat.
func (u *usage) less(i, j int) bool {
	a, b := u.heap[i], u.heap[j]
	if a.count != b.count {
		return a.count > b.count
	}
	return a.port < b.port
}

func (u *usage) swap(i, j int) {
	h := u.heap
	h[i], h[j] = h[j], h[i]
	h[i].pos, h[j].pos = i, j
}

func (u *usage) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !u.less(i, parent) {
			return
		}
		u.swap(i, parent)
		i = parent
	}
}

func (u *usage) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(u.heap) {
			return
		}
		if r := child + 1; r < len(u.heap) && u.less(r, child) {
			child = r
		}
		if !u.less(child, i) {
			return
		}
		u.swap(i, child)
		i = child
	}
}

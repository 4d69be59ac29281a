package classifier

// levels knows the highest priority of some rules: a heap of the priorities there are. One without
// rules stays in it until it is the highest, so that adding and removing rules of lower priority costs
// a map's entry. The zero value is empty.
type levels struct {
	heap  []uint16
	rules map[uint16]int // of each priority in heap
}

// maxPriority returns the highest priority that has rules; 0 if none has.
func (l *levels) maxPriority() uint16 {
	if len(l.heap) == 0 {
		return 0
	}
	return l.heap[0]
}

func (l *levels) add(p uint16) {
	if n, ok := l.rules[p]; ok {
		l.rules[p] = n + 1
		return
	}
	if l.rules == nil {
		l.rules = make(map[uint16]int)
	}
	l.rules[p] = 1
	l.heap = append(l.heap, p)
	for i := len(l.heap) - 1; i > 0 && l.heap[i] > l.heap[(i-1)/2]; i = (i - 1) / 2 {
		l.heap[i], l.heap[(i-1)/2] = l.heap[(i-1)/2], l.heap[i]
	}
}

func (l *levels) remove(p uint16) {
	l.rules[p]--
	for len(l.heap) > 0 && l.rules[l.heap[0]] == 0 {
		delete(l.rules, l.heap[0])
		l.pop()
	}
}

// pop takes the highest priority out of the heap.
func (l *levels) pop() {
	n := len(l.heap) - 1
	l.heap[0] = l.heap[n]
	l.heap = l.heap[:n]
	for i := 0; ; {
		child := 2*i + 1
		if child+1 < n && l.heap[child+1] > l.heap[child] {
			child++
		}
		if child >= n || l.heap[child] <= l.heap[i] {
			return
		}
		l.heap[i], l.heap[child] = l.heap[child], l.heap[i]
		i = child
	}
}

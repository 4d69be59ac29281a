package learn

// A ranking is a binary heap of hosts: the first has most addresses.
type ranking []*host

// add adds a host.
func (r *ranking) add(h *host) {
	h.at = len(*r)
	*r = append(*r, h)
	r.up(h.at)
}

// remove takes a host out.
func (r *ranking) remove(h *host) {
	last := len(*r) - 1
	at := h.at
	r.swap(at, last)
	(*r)[last] = nil
	if *r = (*r)[:last]; at < last {
		r.down(r.up(at))
	}
}

// settle puts a host where it belongs whose count is another.
func (r ranking) settle(h *host) { r.down(r.up(h.at)) }

func (r ranking) swap(i, j int) {
	r[i], r[j] = r[j], r[i]
	r[i].at, r[j].at = i, j
}

// up moves what is at i towards the top as far as it belongs, and returns where it is then.
func (r ranking) up(i int) int {
	for i > 0 && r[i].count > r[(i-1)/2].count {
		r.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
	return i
}

// down moves what is at i away from the top.
func (r ranking) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(r) {
			return
		}
		if child+1 < len(r) && r[child+1].count > r[child].count {
			child++
		}
		if r[child].count <= r[i].count {
			return
		}
		r.swap(i, child)
		i = child
	}
}

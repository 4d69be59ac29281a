package frame

// wrapPart is how many bytes Wrap writes at a time: whole vectors, without a call.
const wrapPart = 32

// Wrap puts head, wrapPart bytes or more, in front of the data of those frames that are in one buffer, have headroom for
// it and nothing left to hardware. It returns a bit for each of these; they have no flags afterwards. The others are as
// they were. There are at most MaxBatch frames.
func (p *Pool) Wrap(frames []Frame, head []byte) (wrapped uint64) {
	size := len(head)
	first, last := [wrapPart]byte(head), [wrapPart]byte(head[size-wrapPart:])
	middle := [wrapPart]byte(head[max(size-2*wrapPart, 0):])
	mem, mask := p.mem, p.mask
	for i := range frames {
		f := &frames[i]
		if f.more != 0 || f.flags&HasOffload != 0 || size > int(f.off&mask) || int(f.len)+size > 0xffff {
			continue
		}
		wrapped |= 1 << i
		f.off -= uint32(size)
		f.len += uint16(size)
		f.flags = 0
		// The last part overlaps those before it.
		to := mem[f.off:][:size]
		*(*[wrapPart]byte)(to) = first
		if size > 2*wrapPart {
			*(*[wrapPart]byte)(to[size-2*wrapPart:]) = middle
			if size > 3*wrapPart {
				copy(to[wrapPart:], head[wrapPart:size-2*wrapPart])
			}
		}
		*(*[wrapPart]byte)(to[size-wrapPart:]) = last
	}
	return wrapped
}

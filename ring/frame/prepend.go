package frame

// PrependAll is Prepend for those frames that are in one buffer, have room for n bytes and nothing left to hardware; they
// have no flags afterwards, and what was kept of outer headers (HasTunnel) is given up for the room. It returns a bit for each
// other frame, which is as it was. There are at most MaxBatch frames.
func (p *Pool) PrependAll(frames []Frame, n int) (left uint64) {
	for i := range frames {
		f := &frames[i]
		if f.more != 0 || f.flags&HasOffload != 0 || n > int(f.off&p.mask) || int(f.len)+n > 0xffff {
			left |= 1 << (i & 63)
			continue
		}
		f.off -= uint32(n)
		f.len += uint16(n)
		f.flags = 0
	}
	return left
}

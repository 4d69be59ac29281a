package frame

// PrependAll is Prepend for those frames that are in one buffer, have room for n bytes and nothing left to hardware; they
// have no flags afterwards, and what was kept of outer headers (HasTunnel) is given up for the room. It returns a bit for each
// other frame, which is as it was. Frames with a bit in skip it does not look at, and returns none for. There are at most MaxBatch frames.
func (p *Pool) PrependAll(frames []Frame, n int, skip uint64) (left uint64) {
	const tunnel = uint64(HasTunnel) << flagsAt
	for i, f := range frames {
		if skip>>(i&63)&1 != 0 {
			continue
		}
		f.word &^= tunnel
		if !f.Plain() || n > int(f.Off()&p.mask) || f.Len()+n > 0xffff {
			left |= 1 << (i & 63)
			continue
		}
		f.skip(-n)
		frames[i] = f
	}
	return left
}

package proto

import "encoding/binary"

// order is the byte order of all numbers ("Message Specification").
var order = binary.NativeEndian

func (v U64) append(b []byte) []byte { return order.AppendUint64(b, uint64(v)) }

func (v VringState) append(b []byte) []byte {
	return order.AppendUint32(order.AppendUint32(b, v.Index), v.Num)
}

func (v VringAddr) append(b []byte) []byte {
	b = order.AppendUint32(order.AppendUint32(b, v.Index), v.Flags)
	return appendWords(b, v.Desc, v.Used, v.Avail, v.Log)
}

func (t MemTable) append(b []byte) []byte {
	b = order.AppendUint32(order.AppendUint32(b, uint32(len(t))), 0)
	for _, r := range t {
		b = r.appendBare(b)
	}
	return b
}

func (r Region) append(b []byte) []byte { return r.appendBare(order.AppendUint64(b, 0)) }

func (r Region) appendBare(b []byte) []byte { return appendWords(b, r.Guest, r.Size, r.User, r.Offset) }

func (v Log) append(b []byte) []byte { return appendWords(b, v.Size, v.Offset) }

func (v IOTLB) append(b []byte) []byte {
	b = appendWords(b, v.Address, v.Size, v.User)
	return append(b, v.Perm, v.Type, 0, 0, 0, 0, 0, 0)
}

func (v Config) append(b []byte) []byte {
	b = order.AppendUint32(b, v.Offset)
	b = order.AppendUint32(b, uint32(len(v.Data)))
	b = order.AppendUint32(b, v.Flags)
	return append(b, v.Data...)
}

func (v VringArea) append(b []byte) []byte { return appendWords(b, v.Ring, v.Size, v.Offset) }

func (v Inflight) append(b []byte) []byte {
	b = appendWords(b, v.Size, v.Offset)
	b = order.AppendUint16(order.AppendUint16(b, v.Queues), v.QueueSize)
	return order.AppendUint32(b, 0)
}

func (v VringFile) append(b []byte) []byte {
	n := uint64(v.Index)
	if v.None {
		n |= noFile
	}
	return order.AppendUint64(b, n)
}

func (m MAC) append(b []byte) []byte { return append(append(b, m[:]...), 0, 0) }

func (u UUID) append(b []byte) []byte { return append(b, u[:]...) }

func (v Transfer) append(b []byte) []byte {
	return order.AppendUint32(order.AppendUint32(b, v.Direction), v.Phase)
}

func (v Opaque) append(b []byte) []byte { return append(b, v...) }

func appendWords(b []byte, words ...uint64) []byte {
	for _, w := range words {
		b = order.AppendUint64(b, w)
	}
	return b
}

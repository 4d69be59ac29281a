package flow

// BlocksOf returns which blocks the key that starts with base has: bit i for block i.
func BlocksOf(base *Block) uint8 { return base[OffBlocks] }

// Blocks returns which blocks k has: bit i for block i. Those it has not are zero.
func (k *Key) Blocks() uint8 { return BlocksOf(&k[Base]) }

// Uint returns the value of a field; of one of 16 bytes, the lower half.
func (k *Key) Uint(f FieldID) uint64 {
	info := &fields[f]
	return info.get(&k[info.Block])
}

// SetUint sets a field to v, of which bits beyond the field's width are ignored. The upper half of a
// field of 16 bytes becomes zero.
func (k *Key) SetUint(f FieldID, v uint64) {
	info := &fields[f]
	info.put(&k[info.Block], v)
}

// Bytes returns the bytes of k that field f lies in, in network byte order. They alias k. For a field
// that shares its bytes with others they are not its value: use Uint.
func (k *Key) Bytes(f FieldID) []byte {
	info := &fields[f]
	return k[info.Block][info.Off : info.Off+info.Size]
}

// SetBytes sets a field that has its bytes for itself: addresses, registers. v is in network byte
// order and as long as the field.
func (k *Key) SetBytes(f FieldID, v []byte) { copy(k.Bytes(f), v) }

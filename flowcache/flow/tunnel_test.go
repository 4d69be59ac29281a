package flow

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/culvertdev/culvert/ring/frame"
)

// outside has options of three sizes, of which the longest lies in two blocks of a key.
const outside = "{class=0x102,type=0x80,len=4}->tun_metadata0,{class=0xffff,type=0,len=124}->tun_metadata1 {class=0x102,type=0x1,len=12}->tun_metadata63"

// wireOption is an option as it is received.
func wireOption(class uint16, typ uint8, value ...byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, class), append([]byte{typ, byte(len(value) / 4)}, value...)...)
}

// keyOf extracts the key of packet, which came by port 7 out of a tunnel that kept block and options of it.
func (r *rig) keyOf(packet []byte, block Block, options []byte, m *TLVMap) (key Key, refused bool) {
	r.tb.Helper()
	r.dirty(0xa5)
	var maps PortOptions
	maps.Set([]*TLVMap{7: m})
	e := &Extractor{Seed: FixedSeed(1), Options: &maps}
	f := newFrame(r.tb, r.pool, r.cache, packet)
	kept := r.pool.Tunnel(f)
	copy(kept[:], block[:])
	copy(kept[frame.TunnelBlock:], options)
	frame.SetTunnelOptions(kept, len(options))
	f.SetFlags(frame.HasTunnel)
	var b frame.Batch
	b.Append(f)
	e.Extract(r.pool, 7, 9, &b, r.keys)
	r.cache.PutBatch(&b)
	r.keys.Key(0, &key)
	var same Keys
	same.Set(&key, &e.Seed)
	if same.Hash[0] != r.keys.Hash[0] {
		r.tb.Errorf("the hash is %#x, that of the key %#x", r.keys.Hash[0], same.Hash[0])
	}
	return key, r.keys.Refused == 1
}

// twinOptions is the slow and obvious way to the options of a key.
func twinOptions(raw []byte, m *TLVMap) (key Key, ok bool) {
	for len(raw) > 0 {
		if len(raw) < 4 || len(raw) < 4+int(raw[3]&31)*4 {
			return key, false
		}
		value := raw[4 : 4+int(raw[3]&31)*4]
		o, known := m.Find(binary.BigEndian.Uint16(raw), raw[2])
		switch {
		case known && int(o.Size) != len(value), !known && raw[2] >= 128:
			return key, false
		case known:
			key.SetUint(o.Field, 1)
			key.SetOption(m.Place(o.Field), value)
		}
		raw = raw[4+len(value):]
	}
	return key, true
}

func TestOuterHeadersAreInTheKey(t *testing.T) {
	r := newRig(t)
	var said Key
	said.SetUint(FieldTunID, 0x1234)
	said.SetUint(FieldTunSrc, 0x0a000001)
	said.SetUint(FieldTunGBPID, 77)
	for name, packet := range map[string][]byte{"UDP": udp4Packet(60), "TCP over IPv6": tcp6Packet(80), "ARP": arpPacket(), "VLAN": vlanPacket(64)} {
		plain := twinExtract(packet, 7, 9, 1).key
		key, refused := r.keyOf(packet, said[Tunnel], nil, nil)
		plain[Tunnel] = said[Tunnel]
		plain[Base][OffBlocks] |= 1 << Tunnel
		if refused || key != plain {
			t.Errorf("%s: got %s", name, describe(twin{key: key}))
		}
	}
}

func TestOptionsOfAPacketAreFields(t *testing.T) {
	m := optionMap(t, outside)
	a, b, c := []byte{1, 2, 3, 4}, slices.Repeat([]byte{9}, 124), []byte{5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	for _, x := range []struct {
		name    string
		options [][]byte
		want    string // of the fields that the packet then has
		refused bool
	}{
		{"one", [][]byte{wireOption(0x102, 0x80, a...)}, "tun_metadata0=0x1020304", false},
		{"all, in another order", [][]byte{wireOption(0x102, 1, c...), wireOption(0xffff, 0, b...), wireOption(0x102, 0x80, a...)},
			"tun_metadata0=0x1020304,tun_metadata63=0x5060708090a0b0c0d0e0f10,tun_metadata1", false},
		{"one of zeros", [][]byte{wireOption(0x102, 0x80, 0, 0, 0, 0)}, "tun_metadata0=0x0", false},
		{"the last of two", [][]byte{wireOption(0x102, 0x80, a...), wireOption(0x102, 0x80, 8, 8, 8, 8)}, "tun_metadata0=0x8080808", false},
		{"one that is not mapped", [][]byte{wireOption(3, 3, a...), wireOption(0x102, 0x80, a...)}, "tun_metadata0=0x1020304", false},
		{"a critical one that is not mapped", [][]byte{wireOption(3, 0x83)}, "", true},
		{"one of another length", [][]byte{wireOption(0x102, 0x80)}, "", true},
		{"one that is cut short", [][]byte{wireOption(3, 3, a...)[:6]}, "", true},
		{"half a header", [][]byte{wireOption(3, 3, a...), {0, 0}}, "", true},
	} {
		t.Run(x.name, func(t *testing.T) {
			r := newRig(t)
			key, refused := r.keyOf(udp4Packet(60), Block{}, slices.Concat(x.options...), m)
			want, err := ParseMatch(x.want, Names{Options: m})
			if err != nil {
				t.Fatal(err)
			}
			if refused != x.refused || !refused && !want.Matches(&key) {
				t.Errorf("refused: %v; got %s", refused, describe(twin{key: key}))
			}
		})
	}
}

// TestKeysAndOuterHeadersAreOneAnother writes down what a key says of outer headers and extracts it again.
func TestKeysAndOuterHeadersAreOneAnother(t *testing.T) {
	r, m := newRig(t), optionMap(t, outside)
	match, err := ParseMatch("tun_id=5,tun_ipv6_src=fd00::1,tun_metadata0=7,tun_metadata1=0x1234,tun_metadata63=0,in_port=7,udp", Names{Options: m})
	if err != nil {
		t.Fatal(err)
	}
	var room [frame.TunnelRoom]byte
	if !match.Key.PutTunnel(&room, m) {
		t.Fatal("the key says nothing of outer headers")
	}
	key, refused := r.keyOf(udp4Packet(60), Block(room[:BlockSize]), frame.TunnelOptionsOf(&room), m)
	if refused || !match.Matches(&key) || [Regs - Tunnel]Block(key[Tunnel:Regs]) != [Regs - Tunnel]Block(match.Key[Tunnel:Regs]) {
		t.Errorf("refused: %v; got %s", refused, describe(twin{key: key}))
	}
	if (&Key{}).PutTunnel(&room, m) {
		t.Error("a key without a tunnel has outer headers")
	}
}

func TestOptionsBeyondTheRoomOfAHeaderAreLeftOut(t *testing.T) {
	m := optionMap(t, "{class=1,type=1,len=124}->tun_metadata0,{class=1,type=2,len=120}->tun_metadata1,{class=1,type=3,len=12}->tun_metadata2")
	var key Key
	for f := FieldTunMetadata0; f <= FieldTunMetadata0+2; f++ {
		key.SetUint(f, 1)
	}
	if n := len(m.AppendOptions(nil, &key)); n != frame.TunnelOptions {
		t.Errorf("%d bytes of options, want the first two: %d", n, frame.TunnelOptions)
	}
}

func TestExtractionOfOptionsAllocatesNothing(t *testing.T) {
	m := optionMap(t, outside)
	raw := slices.Concat(wireOption(0x102, 0x80, 1, 2, 3, 4), wireOption(0xffff, 0, make([]byte, 124)...), wireOption(9, 9))
	k := new(Keys)
	if n := testing.AllocsPerRun(100, func() { k.options(0, raw, m) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzTunnelOptions(f *testing.F) {
	m := optionMap(f, outside)
	f.Add(wireOption(0x102, 0x80, 1, 2, 3, 4))
	f.Add(append(wireOption(0x102, 1, make([]byte, 12)...), wireOption(3, 0x83)...))
	f.Add(append(wireOption(0xffff, 0, make([]byte, 124)...), 0, 1, 2))
	r := newRig(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		r.tb = t
		if len(raw) > frame.TunnelOptions {
			return
		}
		got, refused := r.keyOf(udp4Packet(60), Block{}, raw, m)
		want, ok := twinOptions(raw, m)
		if refused == ok {
			t.Fatalf("refused: %v, the twin takes it: %v", refused, ok)
		}
		if ok && ([OptionBlocks]Block(got[Options:Regs]) != [OptionBlocks]Block(want[Options:Regs]) || got[Tunnel] != want[Tunnel]) {
			t.Fatalf("got %x, the twin %x", got[Tunnel:Regs], want[Tunnel:Regs])
		}
	})
}

package proto

import (
	"bytes"
	"errors"
	"net"
	"reflect"
	"testing"
)

// A sample is one message that is as it should be.
type sample struct {
	request Request
	payload Payload
	files   int
	size    int // bytes of payload on the wire
}

// samples has each request at least once, with sizes as the C structures of the protocol have them.
var samples = []sample{
	{GetFeatures, nil, 0, 0},
	{SetFeatures, U64(Version1 | MrgRxbuf), 0, 8},
	{SetOwner, nil, 0, 0},
	{ResetOwner, nil, 0, 0},
	{SetMemTable, MemTable{}, 0, 8},
	{SetMemTable, MemTable{{Guest: 1, User: 2, Size: 3, Offset: 4}}, 1, 40},
	{SetMemTable, make(MemTable, 8), 8, 8 + 8*32},
	{SetLogBase, Log{Size: 1 << 20, Offset: 4096}, 1, 16},
	{SetLogBase, U64(0x1000), 0, 8},
	{SetLogFD, nil, 1, 0},
	{SetVringNum, VringState{Index: 1, Num: 256}, 0, 8},
	{SetVringAddr, VringAddr{Index: 1, Flags: VringLog, Desc: 2, Used: 3, Avail: 4, Log: 5}, 0, 40},
	{SetVringBase, VringState{Index: 1, Num: 7}, 0, 8},
	{GetVringBase, VringState{Index: 1}, 0, 8},
	{SetVringKick, VringFile{Index: 3}, 1, 8},
	{SetVringKick, VringFile{Index: 3, None: true}, 0, 8},
	{SetVringCall, VringFile{Index: 255}, 1, 8},
	{SetVringErr, VringFile{Index: 0, None: true}, 0, 8},
	{GetProtocolFeatures, nil, 0, 0},
	{SetProtocolFeatures, U64(PMQ | PReplyAck), 0, 8},
	{GetQueueNum, nil, 0, 0},
	{SetVringEnable, VringState{Index: 2, Num: 1}, 0, 8},
	{SendRARP, MAC{2, 0, 0, 0, 0, 1}, 0, 8},
	{NetSetMTU, U64(1500), 0, 8},
	{SetBackendReqFD, nil, 1, 0},
	{IOTLBMsg, IOTLB{Address: 1, Size: 2, User: 3, Perm: IOTLBRead | IOTLBWrite, Type: IOTLBUpdate}, 0, 32},
	{SetVringEndian, VringState{Index: 1, Num: 1}, 0, 8},
	{GetConfig, Config{Data: make([]byte, NetConfigSize)}, 0, 24},
	{SetConfig, Config{Offset: 10, Flags: ConfigMigration, Data: []byte{1, 2}}, 0, 14},
	{CreateCryptoSession, Opaque("session"), 0, 7},
	{CloseCryptoSession, U64(1), 0, 8},
	{PostcopyAdvise, nil, 0, 0},
	{PostcopyListen, nil, 0, 0},
	{PostcopyEnd, nil, 0, 0},
	{GetInflightFD, Inflight{Queues: 2, QueueSize: 256}, 0, 24},
	{SetInflightFD, Inflight{Size: 4096, Offset: 64, Queues: 2, QueueSize: 256}, 1, 24},
	{GPUSetSocket, nil, 1, 0},
	{ResetDevice, nil, 0, 0},
	{VringKick, VringState{Index: 1}, 0, 8},
	{GetMaxMemSlots, nil, 0, 0},
	{AddMemReg, Region{Guest: 1, User: 2, Size: 3, Offset: 4}, 1, 40},
	{RemMemReg, Region{Guest: 1, User: 2, Size: 3}, 0, 40},
	{RemMemReg, Region{Guest: 1, User: 2, Size: 3}, 1, 40},
	{SetStatus, U64(StatusDriverOK), 0, 8},
	{GetStatus, nil, 0, 0},
	{GetSharedObject, UUID{1, 2, 3}, 0, 16},
	{SetDeviceStateFD, Transfer{Direction: 1}, 1, 8},
	{CheckDeviceState, nil, 0, 0},
	{BackendIOTLB, IOTLB{Address: 1, Perm: IOTLBRead, Type: IOTLBMiss}, 0, 32},
	{BackendConfigChange, nil, 0, 0},
	{BackendVringHostNotifier, VringArea{Ring: 1, Size: 4096, Offset: 8192}, 1, 24},
	{BackendVringHostNotifier, VringArea{Ring: 1 | noFile}, 0, 24},
	{BackendVringCall, VringState{Index: 1}, 0, 8},
	{BackendVringErr, VringState{Index: 1}, 0, 8},
	{BackendSharedObjectAdd, UUID{9}, 0, 16},
	{BackendSharedObjectRemove, UUID{9}, 0, 16},
	{BackendSharedObjectLookup, UUID{9}, 0, 16},
}

// channel returns the kind of connection that s goes over.
func (s sample) channel() func(*net.UnixConn) *Conn {
	if s.request >= backendBase {
		return NewBackendConn
	}
	return NewConn
}

func (s sample) bytes() []byte {
	if s.payload == nil {
		return nil
	}
	return s.payload.append(nil)
}

func TestEveryRequestHasASample(t *testing.T) {
	seen := make(map[Request]bool)
	for _, s := range samples {
		seen[s.request] = true
	}
	for r := range specs {
		if !seen[r] {
			t.Errorf("%s has no sample", r)
		}
	}
}

func TestMessagesArriveAsTheyWereSent(t *testing.T) {
	noLeak(t)
	for _, s := range samples {
		t.Run(s.request.String(), func(t *testing.T) {
			front, back := conns(t, s.channel())
			if got := len(s.bytes()); got != s.size {
				t.Errorf("%d bytes of payload, want %d", got, s.size)
			}
			fds := eventfds(t, s.files)
			if err := front.send(header{request: s.request.number(), flags: version | flagNeedReply}, s.payload, fds); err != nil {
				t.Fatal(err)
			}
			m, err := back.Receive()
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			if m.Request != s.request || !reflect.DeepEqual(m.Payload, s.payload) || m.Files() != s.files || !m.NeedReply {
				t.Errorf("received %v, want %s %+v with %d descriptors", m, s.request, s.payload, s.files)
			}
		})
	}
}

// TestPayloadsOfAnyOtherSizeAreRefused cuts each payload short at every byte and adds one: what is left is no message of
// that kind, unless the protocol has two sizes for it.
func TestPayloadsOfAnyOtherSizeAreRefused(t *testing.T) {
	noLeak(t)
	also := map[Request][]int{
		SetLogBase: {8}, IOTLBMsg: {iotlbBare}, BackendIOTLB: {iotlbBare},
		GetInflightFD: {inflightBare}, SetInflightFD: {inflightBare}, CreateCryptoSession: {0, 1, 2, 3, 4, 5, 6, 8},
	}
	for _, s := range samples {
		raw, c := pair(t, s.channel())
		whole := append(s.bytes(), 0)
		for size := 0; size <= len(whole); size++ {
			legal := size == s.size
			for _, n := range also[s.request] {
				legal = legal || size == n
			}
			if legal {
				continue
			}
			write(t, raw, message(s.request.number(), version, whole[:size]), eventfds(t, s.files)...)
			_, err := c.Receive()
			wantFault(t, err, s.request, ErrSize)
		}
	}
}

func TestMissingAndUnexpectedDescriptorsAreRefused(t *testing.T) {
	noLeak(t)
	for _, s := range samples {
		raw, c := pair(t, s.channel())
		for _, n := range []int{0, 1, 2, 7, 8} {
			if n == s.files || n < 2 && (s.request == RemMemReg || s.request == BackendVringHostNotifier) {
				continue
			}
			write(t, raw, message(s.request.number(), version, s.bytes()), eventfds(t, n)...)
			_, err := c.Receive()
			wantFault(t, err, s.request, ErrFiles)
		}
	}
}

func TestImpossiblePayloadsAreRefused(t *testing.T) {
	table := MemTable{{}}.append(nil)
	order.PutUint32(table, 9)
	huge := Config{Data: []byte{1}}.append(nil)
	order.PutUint32(huge[4:], 1<<31)
	for name, tc := range map[string]struct {
		request Request
		payload []byte
		want    error
	}{
		"nine regions":             {SetMemTable, table, ErrPayload},
		"2 GiB of configuration":   {GetConfig, huge, ErrPayload},
		"a ring above 255":         {SetVringKick, U64(0x1001).append(nil), ErrPayload},
		"an IOTLB type of 0":       {IOTLBMsg, IOTLB{}.append(nil), ErrPayload},
		"an IOTLB type of 5":       {IOTLBMsg, IOTLB{Type: 5}.append(nil), ErrPayload},
		"an IOTLB permission of 4": {IOTLBMsg, IOTLB{Type: 1, Perm: 4}.append(nil), ErrPayload},
	} {
		t.Run(name, func(t *testing.T) {
			raw, c := pair(t, NewConn)
			write(t, raw, message(tc.request.number(), version, tc.payload))
			_, err := c.Receive()
			wantFault(t, err, tc.request, tc.want)
		})
	}
}

func TestShorterFormsAreUnderstood(t *testing.T) {
	for _, s := range []sample{
		{IOTLBMsg, IOTLB{Address: 1, Type: IOTLBUpdate}, 0, iotlbBare},
		{SetInflightFD, Inflight{Size: 1, Queues: 1, QueueSize: 8}, 1, inflightBare},
	} {
		raw, c := pair(t, NewConn)
		write(t, raw, message(s.request.number(), version, s.bytes()[:s.size]), eventfds(t, s.files)...)
		m, err := c.Receive()
		if err != nil {
			t.Fatal(err)
		}
		m.Close()
		if m.Payload != s.payload {
			t.Errorf("%s: %+v, want %+v", s.request, m.Payload, s.payload)
		}
	}
}

// wantFault checks that err is a Fault of request r that wraps want.
func wantFault(t *testing.T, err error, r Request, want error) {
	t.Helper()
	var f *Fault
	if !errors.As(err, &f) || f.Request != r || !errors.Is(err, want) {
		t.Errorf("%s: error %v, want a fault with %q", r, err, want)
	}
}

func TestNetworkConfigurationHasItsLayout(t *testing.T) {
	c := NetConfig{MAC: MAC{2, 1, 2, 3, 4, 5}, Status: NetLinkUp, MaxPairs: 4, MTU: 9000}
	b := c.Append(nil)
	want := []byte{2, 1, 2, 3, 4, 5, 1, 0, 4, 0, 0x28, 0x23}
	if !bytes.Equal(b, want) {
		t.Errorf("% x, want % x", b, want)
	}
	if got, ok := ParseNetConfig(b); !ok || got != c {
		t.Errorf("read as %+v, %v", got, ok)
	}
	if _, ok := ParseNetConfig(b[:NetConfigSize-1]); ok {
		t.Error("eleven bytes are read")
	}
}

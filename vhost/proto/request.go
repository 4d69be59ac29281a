package proto

import "strconv"

// A Request says what a message is about. The numbers of the main channel are those of the protocol; requests of the
// back end's channel, which are numbered from 1 as well, begin at backendBase so that one type names both.
type Request uint32

// backendBase is what is added to the numbers of the back end's channel. It is above everything the main
// channel has, and is never sent.
const backendBase Request = 1 << 16

// noRequest stands for numbers that no channel has.
const noRequest Request = 1<<32 - 1

// Requests of the front end ("Front-end message types").
const (
	GetFeatures         Request = 1
	SetFeatures         Request = 2
	SetOwner            Request = 3
	ResetOwner          Request = 4 // no longer used: disables the rings
	SetMemTable         Request = 5
	SetLogBase          Request = 6
	SetLogFD            Request = 7
	SetVringNum         Request = 8
	SetVringAddr        Request = 9
	SetVringBase        Request = 10
	GetVringBase        Request = 11 // stops the ring
	SetVringKick        Request = 12
	SetVringCall        Request = 13
	SetVringErr         Request = 14
	GetProtocolFeatures Request = 15
	SetProtocolFeatures Request = 16
	GetQueueNum         Request = 17
	SetVringEnable      Request = 18
	SendRARP            Request = 19
	NetSetMTU           Request = 20
	SetBackendReqFD     Request = 21
	IOTLBMsg            Request = 22
	SetVringEndian      Request = 23
	GetConfig           Request = 24
	SetConfig           Request = 25
	CreateCryptoSession Request = 26
	CloseCryptoSession  Request = 27
	PostcopyAdvise      Request = 28
	PostcopyListen      Request = 29
	PostcopyEnd         Request = 30
	GetInflightFD       Request = 31
	SetInflightFD       Request = 32
	GPUSetSocket        Request = 33
	ResetDevice         Request = 34
	VringKick           Request = 35
	GetMaxMemSlots      Request = 36
	AddMemReg           Request = 37
	RemMemReg           Request = 38
	SetStatus           Request = 39
	GetStatus           Request = 40
	GetSharedObject     Request = 41
	SetDeviceStateFD    Request = 42
	CheckDeviceState    Request = 43
)

// Requests of the back end ("Back-end message types").
const (
	BackendIOTLB              = backendBase + 1
	BackendConfigChange       = backendBase + 2
	BackendVringHostNotifier  = backendBase + 3
	BackendVringCall          = backendBase + 4
	BackendVringErr           = backendBase + 5
	BackendSharedObjectAdd    = backendBase + 6
	BackendSharedObjectRemove = backendBase + 7
	BackendSharedObjectLookup = backendBase + 8
)

// String returns the request's name in the protocol without its prefix: GET_FEATURES, BACKEND_IOTLB_MSG.
func (r Request) String() string {
	if s, ok := specs[r]; ok {
		return s.name
	}
	if r == noRequest {
		return "unknown request"
	}
	if r >= backendBase {
		return "BACKEND_" + strconv.Itoa(int(r-backendBase))
	}
	return "request " + strconv.Itoa(int(r))
}

// Known reports whether r is a request of the protocol.
func (r Request) Known() bool {
	_, ok := specs[r]
	return ok
}

// number returns what stands in the header.
func (r Request) number() uint32 { return uint32(r &^ backendBase) }

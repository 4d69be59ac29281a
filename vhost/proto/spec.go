package proto

// A spec says what one request may carry, and its reply.
type spec struct {
	name    string
	payload decoder
	files   count
	replies func(Payload) bool // the protocol has a reply of its own for it
	reply   decoder            // payload of that reply
	gives   count              // descriptors of that reply
}

// A count says how many descriptors belong to a payload: from min to max.
type count func(Payload) (min, max int)

func none(Payload) (min, max int)    { return 0, 0 }
func one(Payload) (min, max int)     { return 1, 1 }
func upToOne(Payload) (min, max int) { return 0, 1 }
func perFlag(p Payload) (min, max int) {
	if p.(VringFile).None {
		return 0, 0
	}
	return 1, 1
}

func perRegion(p Payload) (min, max int) {
	n := len(p.(MemTable))
	return n, n
}

// perLog: with LOG_SHMFD the payload describes the descriptor's memory, without it is an address.
func perLog(p Payload) (min, max int) {
	if _, ok := p.(Log); ok {
		return 1, 1
	}
	return 0, 0
}

func never(Payload) bool  { return false }
func always(Payload) bool { return true }

// forLog: SET_LOG_BASE is answered when it hands memory over ("Communication").
func forLog(p Payload) bool {
	_, ok := p.(Log)
	return ok
}

// specs has every request of the protocol.
var specs = map[Request]spec{
	GetFeatures:         asks("GET_FEATURES", nothing, u64),
	SetFeatures:         tells("SET_FEATURES", u64, none),
	SetOwner:            tells("SET_OWNER", nothing, none),
	ResetOwner:          tells("RESET_OWNER", nothing, none),
	SetMemTable:         tells("SET_MEM_TABLE", memTable, perRegion),
	SetLogBase:          {"SET_LOG_BASE", logOrU64, perLog, forLog, nothingOrU64, none},
	SetLogFD:            tells("SET_LOG_FD", nothing, one),
	SetVringNum:         tells("SET_VRING_NUM", vringState, none),
	SetVringAddr:        tells("SET_VRING_ADDR", vringAddr, none),
	SetVringBase:        tells("SET_VRING_BASE", vringState, none),
	GetVringBase:        asks("GET_VRING_BASE", vringState, vringState),
	SetVringKick:        tells("SET_VRING_KICK", vringFile, perFlag),
	SetVringCall:        tells("SET_VRING_CALL", vringFile, perFlag),
	SetVringErr:         tells("SET_VRING_ERR", vringFile, perFlag),
	GetProtocolFeatures: asks("GET_PROTOCOL_FEATURES", nothing, u64),
	SetProtocolFeatures: tells("SET_PROTOCOL_FEATURES", u64, none),
	GetQueueNum:         asks("GET_QUEUE_NUM", nothing, u64),
	SetVringEnable:      tells("SET_VRING_ENABLE", vringState, none),
	SendRARP:            tells("SEND_RARP", mac, none),
	NetSetMTU:           tells("NET_SET_MTU", u64, none),
	SetBackendReqFD:     tells("SET_BACKEND_REQ_FD", nothing, one),
	IOTLBMsg:            asks("IOTLB_MSG", iotlb, u64),
	SetVringEndian:      tells("SET_VRING_ENDIAN", vringState, none),
	GetConfig:           asks("GET_CONFIG", config, configReply),
	SetConfig:           tells("SET_CONFIG", config, none),
	CreateCryptoSession: asks("CREATE_CRYPTO_SESSION", opaque, opaque),
	CloseCryptoSession:  tells("CLOSE_CRYPTO_SESSION", u64, none),
	PostcopyAdvise:      {"POSTCOPY_ADVISE", nothing, none, always, nothing, one},
	PostcopyListen:      tells("POSTCOPY_LISTEN", nothing, none),
	PostcopyEnd:         asks("POSTCOPY_END", nothing, u64),
	GetInflightFD:       {"GET_INFLIGHT_FD", inflight, none, always, inflight, upToOne},
	SetInflightFD:       tells("SET_INFLIGHT_FD", inflight, one),
	GPUSetSocket:        tells("GPU_SET_SOCKET", nothing, one),
	ResetDevice:         tells("RESET_DEVICE", nothing, none),
	VringKick:           tells("VRING_KICK", vringState, none),
	GetMaxMemSlots:      asks("GET_MAX_MEM_SLOTS", nothing, u64),
	AddMemReg:           tells("ADD_MEM_REG", region, one),
	RemMemReg:           tells("REM_MEM_REG", region, upToOne), // some front ends send one
	SetStatus:           tells("SET_STATUS", u64, none),
	GetStatus:           asks("GET_STATUS", nothing, u64),
	GetSharedObject:     {"GET_SHARED_OBJECT", uuid, none, always, uuid, upToOne},
	SetDeviceStateFD:    {"SET_DEVICE_STATE_FD", transfer, one, always, u64, upToOne},
	CheckDeviceState:    asks("CHECK_DEVICE_STATE", nothing, u64),

	BackendIOTLB:              tells("BACKEND_IOTLB_MSG", iotlb, none),
	BackendConfigChange:       tells("BACKEND_CONFIG_CHANGE_MSG", nothing, none),
	BackendVringHostNotifier:  tells("BACKEND_VRING_HOST_NOTIFIER_MSG", vringArea, upToOne),
	BackendVringCall:          tells("BACKEND_VRING_CALL", vringState, none),
	BackendVringErr:           tells("BACKEND_VRING_ERR", vringState, none),
	BackendSharedObjectAdd:    tells("BACKEND_SHARED_OBJECT_ADD", uuid, none),
	BackendSharedObjectRemove: tells("BACKEND_SHARED_OBJECT_REMOVE", uuid, none),
	BackendSharedObjectLookup: {"BACKEND_SHARED_OBJECT_LOOKUP", uuid, none, always, u64, upToOne},
}

// asks is the spec of a request without descriptors that has a reply of its own, without descriptors.
func asks(name string, payload, reply decoder) spec {
	return spec{name, payload, none, always, reply, none}
}

// tells is the spec of a request whose only reply is the one that REPLY_ACK adds: a number, 0 for success.
func tells(name string, payload decoder, files count) spec {
	return spec{name, payload, files, never, u64, none}
}

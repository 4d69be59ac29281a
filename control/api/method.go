package api

// A Method names a request and says what it takes and answers. The values below are all there are.
type Method[P, R any] string

// Nothing is the parameters of a method that takes none, and the result of one that answers none.
type Nothing struct{}

// Methods, named as the commands of the command line are.
const (
	GetVersion    Method[Nothing, Version]         = "version"
	Show          Method[Nothing, Overview]        = "show"
	ConfigApply   Method[Configuration, Applied]   = "config.apply"
	PortList      Method[PortFilter, []Port]       = "port.list"
	PortAdd       Method[NewPort, Port]            = "port.add"
	PortModify    Method[PortMod, Port]            = "port.mod"
	PortDel       Method[PortName, Nothing]        = "port.del"
	FlowAdd       Method[FlowText, RulesChanged]   = "flow.add"
	FlowMod       Method[FlowText, RulesChanged]   = "flow.mod"
	FlowDel       Method[FlowText, RulesChanged]   = "flow.del"
	FlowReplace   Method[FlowText, Replaced]       = "flow.replace"
	FlowDiff      Method[FlowText, Difference]     = "flow.diff"
	FlowDump      Method[FlowMatch, []Rule]        = "flow.dump"
	FlowAggregate Method[FlowFilter, Aggregate]    = "flow.aggregate"
	Bundle        Method[FlowText, BundleDone]     = "bundle"
	GatewayShow   Method[BridgeName, []Gateway]    = "gateway.show"
	UnderlayShow  Method[Nothing, Underlay]        = "underlay"
	TunnelList    Method[Nothing, []Tunnel]        = "tunnel.list"
	ProfileShow   Method[ProfileName, []Profile]   = "tunnel.profile"
	FDBShow       Method[BridgeName, []FDBEntry]   = "fdb.show"
	FDBAdd        Method[NewFDBEntry, Nothing]     = "fdb.add"
	FDBDel        Method[FDBKey, Nothing]          = "fdb.del"
	FDBFlush      Method[FDBFilter, Changed]       = "fdb.flush"
	MirrorList    Method[BridgeName, []Mirror]     = "mirror.list"
	MirrorAdd     Method[NewMirror, Nothing]       = "mirror.add"
	MirrorDel     Method[MirrorName, Nothing]      = "mirror.del"
	MDBShow       Method[BridgeName, []MDBEntry]   = "mdb.show"
	MDBFlush      Method[FDBFilter, Changed]       = "mdb.flush"
	GroupAdd      Method[GroupText, Changed]       = "group.add"
	GroupMod      Method[GroupText, Changed]       = "group.mod"
	GroupDel      Method[GroupText, Changed]       = "group.del"
	GroupInsert   Method[GroupText, Changed]       = "group.insert_buckets"
	GroupRemove   Method[GroupText, Changed]       = "group.remove_buckets"
	GroupDump     Method[BridgeName, []Group]      = "group.dump"
	TLVAdd        Method[TLVOptions, Changed]      = "tlv.add"
	TLVDel        Method[TLVOptions, Changed]      = "tlv.del"
	TLVShow       Method[BridgeName, []TLVMap]     = "tlv.show"
	CacheDump     Method[CacheFilter, []CacheFlow] = "cache.dump"
	Trace         Method[TraceQuery, TraceAnswer]  = "trace"
	GetStats      Method[Nothing, Stats]           = "stats"
)

// Methods for meters, for packets that rules send to controllers, and for those of controllers.
const (
	MeterAdd     Method[MeterText, Changed]         = "meter.add"
	MeterMod     Method[MeterText, Changed]         = "meter.mod"
	MeterDel     Method[MeterID, Changed]           = "meter.del"
	MeterShow    Method[MeterID, []Meter]           = "meter.show"
	Monitor      Method[MonitorNext, MonitorEvents] = "monitor"
	SendPacket   Method[PacketOut, Nothing]         = "packet.out"
	ResumePacket Method[PacketResume, Nothing]      = "packet.resume"
)

// Methods for bonds.
const (
	BondShow      Method[BridgeName, []Bond] = "bond.show"
	BondSetActive Method[BondPort, Nothing]  = "bond.set_active_member"
	BondEnable    Method[BondPort, Nothing]  = "bond.enable_member"
	BondDisable   Method[BondPort, Nothing]  = "bond.disable_member"
)

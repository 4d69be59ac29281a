package metrics

import "github.com/prometheus/client_golang/prometheus"

// descs is every metric there is.
type descs struct {
	build, start, counterInfo *prometheus.Desc

	cachePackets, drops, events, slowDrops, slowEvents  *prometheus.Desc
	flows, flowCapacity, flowEvents                     *prometheus.Desc
	portFlows, portGuaranteed, portMasks, portMaskLimit *prometheus.Desc
	portLookups, portProbes, newFlows                   *prometheus.Desc
	bridgeDrops, bridgeEvents                           *prometheus.Desc
	profileUp, profileAnswers, profileHere              *prometheus.Desc
	profileEvents                                       *prometheus.Desc
	buffers, buffersFree, bufferSize, framesInfo        *prometheus.Desc

	bondInfo, memberActive, memberEnabled, memberHashes, memberLoad *prometheus.Desc
	memberLACP, memberMessages                                      *prometheus.Desc

	workerInfo, cycles, stageCycles, stagePackets, frequency, slept, sleeps, workerPackets *prometheus.Desc
	polls, emptyPolls, overBudget, moves, cycleTime, wakeTime                              *prometheus.Desc

	portInfo, portOpen, portLink, portMTU, portChoice, portReopens *prometheus.Desc
	rxPackets, rxBytes, txPackets, txBytes, portDrops, portEvents  *prometheus.Desc
	queuePackets, queueBytes, queueDrops, queueEvents              *prometheus.Desc
	queueWorker, queueCycles                                       *prometheus.Desc
}

func newDescs() descs {
	d := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("culvert_"+name, help, labels, nil)
	}
	return descs{
		build:       d("build_info", "Which daemon this is; always 1.", "version", "revision", "go"),
		start:       d("start_time_seconds", "When the switch started, in seconds since 1970."),
		counterInfo: d("counter_info", "What a reason or event in the other metrics means; always 1.", "kind", "name", "help"),

		cachePackets: d("cache_packets_total", "Packets by the cache level that answered; the sum over levels is the packets looked up.", "worker", "level"),
		drops:        d("drops_total", "Packets the switch dropped, by reason.", "worker", "reason"),
		events:       d("events_total", "What else workers count about packets.", "worker", "event"),
		slowDrops:    d("slow_path_drops_total", "Packets the slow path dropped, by reason.", "reason"),
		slowEvents:   d("slow_path_events_total", "What the slow path did.", "event"),
		flows:        d("flows", "Flows in the megaflow cache."),
		flowCapacity: d("flows_capacity", "Flows the megaflow cache can hold."),
		flowEvents:   d("flow_cache_events_total", "What the megaflow cache counts.", "event"),
		buffers:      d("frame_buffers", "Buffers in the frame arena."),
		buffersFree:  d("frame_buffers_free", "Buffers in the frame arena that no port or worker has, nor has in stock."),
		bufferSize:   d("frame_buffer_size_bytes", "Size of a buffer in the frame arena."),
		framesInfo:   d("frame_arena_info", "What kind of memory the frame arena lies on; always 1.", "pages"),

		workerInfo:    d("worker_info", "Which CPU a worker is pinned to, -1 for none; always 1.", "worker", "cpu"),
		cycles:        d("worker_cycles_total", "CPU cycles by what the worker spent them on.", "worker", "state"),
		stageCycles:   d("worker_stage_cycles_total", "CPU cycles of timed poll cycles by stage.", "worker", "stage"),
		stagePackets:  d("worker_stage_packets_total", "Packets received in timed poll cycles.", "worker"),
		frequency:     d("worker_frequency_hertz", "CPU cycles per second.", "worker"),
		slept:         d("worker_sleep_seconds_total", "Time the worker was asleep.", "worker"),
		sleeps:        d("worker_sleeps_total", "Times the worker fell asleep.", "worker"),
		workerPackets: d("worker_packets_total", "Packets the worker received.", "worker"),
		polls:         d("worker_polls_total", "Looks at a queue.", "worker"),
		emptyPolls:    d("worker_empty_polls_total", "Looks at a queue that had nothing.", "worker"),
		overBudget:    d("worker_over_budget_total", "Times the worker gave up sleeping because waking up took longer than the latency budget.", "worker"),
		moves:         d("worker_moves_total", "Times the Go runtime gave the worker another thread.", "worker"),
		cycleTime:     d("worker_cycle_seconds", "Length of poll cycles; a pause of the runtime or of the machine makes one long.", "worker"),
		wakeTime:      d("worker_wake_seconds", "Time from something happening to the sleeping worker running.", "worker"),

		portInfo:    d("port_info", "A port; always 1.", "port", "bridge", "number", "type", "mac"),
		portOpen:    d("port_open", "1 if the port's device is open.", "port"),
		portLink:    d("port_link_up", "1 if the port has carrier.", "port"),
		portMTU:     d("port_mtu_bytes", "Largest layer-3 packet the port takes.", "port"),
		portChoice:  d("port_choice_info", "What was chosen for a port, such as its AF_XDP mode, and why not better; always 1.", "port", "choice", "value", "reason"),
		portReopens: d("port_reopens_total", "Times the port was opened again after its device changed or failed.", "port"),
		rxPackets:   d("port_receive_packets_total", "Packets received.", "port"),
		rxBytes:     d("port_receive_bytes_total", "Bytes received, without frame check sequences.", "port"),
		txPackets:   d("port_transmit_packets_total", "Packets handed to the device.", "port"),
		txBytes:     d("port_transmit_bytes_total", "Bytes handed to the device, without frame check sequences.", "port"),
		portDrops:   d("port_drops_total", "Packets dropped by the port, by reason.", "port", "reason"),
		portEvents:  d("port_events_total", "What else the port and its device count.", "port", "event"),

		portFlows:      d("port_flows", "Flows of the port in the megaflow cache.", "port"),
		portGuaranteed: d("port_flows_guaranteed", "Flows the port can have in the megaflow cache whatever others do.", "port"),
		portMasks:      d("port_masks", "Masks that the port's packets are looked up under.", "port"),
		portMaskLimit:  d("port_masks_limit", "Most masks of the port, the two of last resort left out.", "port"),
		portLookups:    d("port_megaflow_lookups_total", "Packets of the port looked up in the megaflow cache.", "port"),
		portProbes:     d("port_megaflow_probes_total", "Masks these were looked up under, all together.", "port"),
		newFlows:       d("port_new_flow_events_total", "What became of packets of the port that no cache knew.", "port", "event"),

		bridgeDrops:  d("bridge_drops_total", "Packets that the rule table of a bridge dropped, such as those for controllers, by reason.", "bridge", "reason"),
		bridgeEvents: d("bridge_events_total", "What else the rule table of a bridge counts.", "bridge", "event"),

		profileUp:      d("profile_up", "1 if a plug-in of a profile can answer.", "profile", "plugin"),
		profileAnswers: d("profile_answers", "What a profile knows: answers, answers that there is nobody, questions that wait for their first answer.", "profile", "state"),
		profileHere:    d("profile_guests", "Guests here, and addresses of theirs, that others are told of.", "profile"),
		profileEvents:  d("profile_events_total", "What a profile's directory and its plug-ins count.", "profile", "event"),

		bondInfo:       d("bond_info", "A bond, and what LACP has come to; always 1.", "bridge", "bond", "mode", "lacp", "lacp_status"),
		memberActive:   d("bond_member_active", "1 if the port is its bond's active member.", "bridge", "bond", "port"),
		memberEnabled:  d("bond_member_enabled", "1 if the member carries packets.", "bridge", "bond", "port"),
		memberHashes:   d("bond_member_hashes", "Hashes of 256 whose packets leave by the member.", "bridge", "bond", "port"),
		memberLoad:     d("bond_member_load_bytes", "Bytes that left by the member's hashes, older ones at half their weight with each rebalancing.", "bridge", "bond", "port"),
		memberLACP:     d("bond_member_lacp_info", "What LACP knows of a member; always 1.", "bridge", "bond", "port", "status", "state", "partner_state"),
		memberMessages: d("bond_member_lacp_messages_total", "LACP's messages of a member: received, bad ones among these, sent.", "bridge", "bond", "port", "event"),

		queuePackets: d("queue_packets_total", "Packets received or handed to the device by a queue.", "port", "direction", "queue"),
		queueBytes:   d("queue_bytes_total", "Bytes received or handed to the device by a queue.", "port", "direction", "queue"),
		queueDrops:   d("queue_drops_total", "Packets dropped by a queue, by reason.", "port", "direction", "queue", "reason"),
		queueEvents:  d("queue_events_total", "What else a queue counts.", "port", "direction", "queue", "event"),
		queueWorker:  d("queue_worker", "Number of the worker that owns the queue, -1 for none.", "port", "direction", "queue"),
		queueCycles:  d("queue_cycles_total", "CPU cycles that visits of the receive queue took; what is sent at the end of a poll cycle is not in them.", "port", "direction", "queue"),
	}
}

// allDescs lists every metric.
func allDescs() []*prometheus.Desc {
	d := newDescs()
	return []*prometheus.Desc{
		d.build, d.start, d.counterInfo,
		d.cachePackets, d.drops, d.events, d.slowDrops, d.slowEvents,
		d.flows, d.flowCapacity, d.flowEvents, d.buffers, d.buffersFree, d.bufferSize, d.framesInfo,
		d.portFlows, d.portGuaranteed, d.portMasks, d.portMaskLimit, d.portLookups, d.portProbes, d.newFlows,
		d.bridgeDrops, d.bridgeEvents,
		d.profileUp, d.profileAnswers, d.profileHere, d.profileEvents,
		d.bondInfo, d.memberActive, d.memberEnabled, d.memberHashes, d.memberLoad, d.memberLACP, d.memberMessages,
		d.workerInfo, d.cycles, d.stageCycles, d.stagePackets, d.frequency, d.slept, d.sleeps, d.workerPackets,
		d.polls, d.emptyPolls, d.overBudget, d.moves, d.cycleTime, d.wakeTime,
		d.portInfo, d.portOpen, d.portLink, d.portMTU, d.portChoice, d.portReopens,
		d.rxPackets, d.rxBytes, d.txPackets, d.txBytes, d.portDrops, d.portEvents,
		d.queuePackets, d.queueBytes, d.queueDrops, d.queueEvents, d.queueWorker, d.queueCycles,
	}
}

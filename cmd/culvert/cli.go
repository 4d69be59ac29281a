package main

import (
	"fmt"

	"github.com/alecthomas/kong"
	"github.com/culvertdev/culvert/control/config"
)

const description = "A virtual switch in user space."

const defaultSocket = config.DefaultSocket

// cli is the command line: every command with its arguments.
type cli struct {
	Socket string `help:"Control socket of the daemon: ${socket}, or $$CULVERT_SOCKET. For run: in place of the configuration's." placeholder:"PATH"`
	JSON   bool   `name:"json" help:"Print the answer as JSON, for programs."`

	Run    runCmd `cmd:"" group:"daemon" help:"Run the switch until SIGTERM or SIGINT; SIGHUP reads the configuration again."`
	Config struct {
		Check configCheckCmd `cmd:"" help:"Check a configuration file without touching anything."`
		Apply configApplyCmd `cmd:"" help:"Make the running switch what a configuration file says, changing only the difference."`
	} `cmd:"" group:"daemon" help:"Check or apply a configuration file."`

	Show  showCmd  `cmd:"" group:"look" help:"Show the switch: bridges, ports, workers."`
	Stats statsCmd `cmd:"" group:"look" help:"Show where packets were looked up, why they were dropped, and which guests broke a rule."`
	Trace traceCmd `cmd:"" group:"look" help:"Say what would become of a packet, rule by rule, as ovs-appctl ofproto/trace does; nothing is sent or learned."`
	Cache struct {
		Dump cacheDumpCmd `cmd:"" help:"List the cached flows, busiest first."`
	} `cmd:"" group:"look" help:"Look into the flow cache."`

	Port struct {
		List portListCmd `cmd:"" help:"List ports: state, what was chosen for them and why, counters."`
		Add  portAddCmd  `cmd:"" help:"Add a port to a bridge."`
		Mod  portModCmd  `cmd:"" help:"Say what a port takes part in, as ovs-ofctl mod-port does."`
		Del  portDelCmd  `cmd:"" help:"Remove a port."`
	} `cmd:"" group:"change" help:"List, add, change or remove ports."`
	Flow struct {
		Add       flowAddCmd       `cmd:"" help:"Add rules, in ovs-ofctl's syntax, or replace those of the same match and priority; lines may begin with modify, delete and so on."`
		Mod       flowModCmd       `cmd:"" help:"Give matching rules other actions."`
		Del       flowDelCmd       `cmd:"" help:"Delete matching rules."`
		Replace   flowReplaceCmd   `cmd:"" help:"Make rules the only ones of a bridge, changing only the difference."`
		Diff      flowDiffCmd      `cmd:"" help:"Show in which rules a bridge differs from others, as ovs-ofctl diff-flows does."`
		Dump      flowDumpCmd      `cmd:"" help:"List rules with their counters, as ovs-ofctl dump-flows does."`
		Aggregate flowAggregateCmd `cmd:"" help:"Count rules and what they have seen together, as ovs-ofctl dump-aggregate does."`
	} `cmd:"" group:"change" help:"List or change the rules of a bridge."`
	Group struct {
		Add           groupAddCmd    `cmd:"" help:"Add groups, in ovs-ofctl's syntax."`
		Mod           groupModCmd    `cmd:"" help:"Give groups other buckets, another type."`
		InsertBuckets groupInsertCmd `cmd:"" help:"Add buckets to groups."`
		RemoveBuckets groupRemoveCmd `cmd:"" help:"Remove buckets from groups."`
		Del           groupDelCmd    `cmd:"" help:"Delete groups, and the rules that name them."`
		Dump          groupDumpCmd   `cmd:"" help:"List groups, as ovs-ofctl dump-groups does."`
		Stats         groupStatsCmd  `cmd:"" help:"List groups' counters, as ovs-ofctl dump-group-stats does."`
	} `cmd:"" group:"change" help:"List or change the groups of a bridge."`
	Bundle bundleCmd `cmd:"" group:"change" help:"Make all changes of rules and groups in a file, or none, in one step, as ovs-ofctl bundle does."`
	FDB    struct {
		Show  fdbShowCmd  `cmd:"" help:"List known addresses."`
		Add   fdbAddCmd   `cmd:"" help:"Add an address that is never forgotten."`
		Del   fdbDelCmd   `cmd:"" help:"Forget one address."`
		Flush fdbFlushCmd `cmd:"" help:"Forget learned addresses."`
	} `cmd:"" name:"fdb" group:"change" help:"List or change the MAC addresses a bridge knows."`
	Mirror struct {
		List mirrorListCmd `cmd:"" help:"List mirrors, and what they have copied."`
		Add  mirrorAddCmd  `cmd:"" help:"Send copies of packets to a port or into a VLAN."`
		Del  mirrorDelCmd  `cmd:"" help:"Remove a mirror."`
	} `cmd:"" group:"change" help:"List or change a bridge's mirrors."`
	Bond struct {
		Show          bondShowCmd      `cmd:"" help:"Show bonds and their members, as ovs-appctl bond/show and lacp/show do."`
		SetActive     bondSetActiveCmd `cmd:"" name:"set-active-member" help:"Make a member the active one."`
		EnableMember  bondEnableCmd    `cmd:"" name:"enable-member" help:"Let a member carry packets again, without its updelay."`
		DisableMember bondDisableCmd   `cmd:"" name:"disable-member" help:"Let a member carry no packets until it is enabled again."`
	} `cmd:"" group:"change" help:"Look at bonds, or say which members carry packets."`
	MDB struct {
		Show  mdbShowCmd  `cmd:"" help:"List who listens to which group, and multicast routers."`
		Flush mdbFlushCmd `cmd:"" help:"Forget what multicast snooping has learned."`
	} `cmd:"" name:"mdb" group:"change" help:"List or forget what multicast snooping has learned."`
	TLV struct {
		Add  tlvAddCmd  `cmd:"" help:"Make tunnel options fields of rules (add-tlv-map)."`
		Del  tlvDelCmd  `cmd:"" help:"Take tunnel options out again, if no rule uses them."`
		Show tlvShowCmd `cmd:"" help:"List which option is which field (dump-tlv-map)."`
	} `cmd:"" name:"tlv" group:"change" help:"List or change which tunnel options are the match fields tun_metadata0 to 63."`

	Gateway struct {
		Show gatewayShowCmd `cmd:"" help:"Show gateways: interfaces, routes, neighbours, rules with their counters."`
	} `cmd:"" group:"look" help:"Look at bridges that route."`
	Underlay underlayCmd `cmd:"" group:"look" help:"Show what tunnels stand on: addresses of ports, routes, neighbours."`
	Tunnel   struct {
		List    tunnelListCmd    `cmd:"" help:"List tunnel ports: where their packets go, keys, overlay MTU, counters."`
		Profile tunnelProfileCmd `cmd:"" help:"Show who knows where guests are: plug-ins, guests here, answers, questions that wait."`
	} `cmd:"" group:"look" help:"Look at tunnels, and at the profiles that they ask."`
	Meter struct {
		Add   meterAddCmd   `cmd:"" help:"Add meters, in ovs-ofctl's syntax."`
		Mod   meterModCmd   `cmd:"" help:"Make meters others; they start anew."`
		Del   meterDelCmd   `cmd:"" help:"Remove a meter, and the rules that use it."`
		Dump  meterDumpCmd  `cmd:"" help:"List meters, as ovs-ofctl dump-meters does."`
		Stats meterStatsCmd `cmd:"" help:"Show what meters have counted, as ovs-ofctl meter-stats does."`
	} `cmd:"" group:"change" help:"List or change the meters of a bridge."`
	Monitor   monitorCmd   `cmd:"" group:"look" help:"Print packets for controllers, and rules as they change, as they come."`
	PacketOut packetOutCmd `cmd:"" name:"packet-out" group:"change" help:"Send a packet by a bridge, as ovs-ofctl packet-out does."`

	Replay replayCmd `cmd:"" group:"other" help:"Run a switch on captures, without a daemon: what would it have sent, and is every cached answer right?"`
	Demo   demoCmd   `cmd:"" group:"other" help:"Show the switch at work between three network namespaces, in under a minute."`
	Soak   soakCmd   `cmd:"" group:"other" help:"Run mixed traffic for an hour while ports and rules come and go, and see whether all is well after it."`
	Bench  struct {
		Run     benchRunCmd     `cmd:"" help:"Measure switches beside each other: this one, Open vSwitch, the kernel's bridge, testpmd, or one of your own; needs root."`
		Send    benchSendCmd    `cmd:"" help:"Send frames between two ports and say what became of them."`
		Search  benchSearchCmd  `cmd:"" help:"Find the highest rates with no loss and with little between two ports, and the latency at shares of them."`
		Load    benchLoadCmd    `cmd:"" help:"Say what share of the frames is lost at rising rates."`
		Burst   benchBurstCmd   `cmd:"" help:"Find how many frames pass back to back without a loss."`
		Recover benchRecoverCmd `cmd:"" help:"Say how soon after an overload no more is lost."`
		Flows   benchFlowsCmd   `cmd:"" help:"Say how long the first packets of flows take, and find how many new flows a second pass."`
		Learn   benchLearnCmd   `cmd:"" help:"Find how many addresses a switch learns, and how fast; with a third port that sees what is flooded."`
		Disturb benchDisturbCmd `cmd:"" help:"Run a command under load, such as a restart of the switch or a change of its rules, and say for how long nothing passed."`
		Soak    benchSoakCmd    `cmd:"" help:"Send for a long time and say what was lost, and the latency, interval by interval."`
		Self    benchSelfCmd    `cmd:"" help:"Measure the generator itself, back to back in memory."`
		Gen     benchGenCmd     `cmd:"" help:"Be a generator for programs: commands as lines of JSON on the standard input, answers on the standard output; ends with its input."`
		Flood   benchFloodCmd   `cmd:"" help:"Send as much as a switch takes between two vhost-user ports: two guests that are nothing but rings, for what no other generator is fast enough for."`
		Patch   benchPatchCmd   `cmd:"" hidden:"" help:"Join two vhost-user ports without a switch between them: what bench run sets against testpmd."`
		Report  benchReportCmd  `cmd:"" help:"Show what a run of the bench found, as a table or as a page with plots."`
		Compare benchCompareCmd `cmd:"" help:"Say what changed from one run to another beyond the noise; exit code 7 for a loss of more than the tolerance."`
	} `cmd:"" group:"other" help:"Measure a switch, this one or another, from outside; look at what was found."`
	Version versionCmd `cmd:"" group:"other" help:"Print the version of this program."`
}

func groups() []kong.Group {
	return []kong.Group{
		{Key: "daemon", Title: "The daemon:"},
		{Key: "look", Title: "Look at the running switch:"},
		{Key: "change", Title: "Look at or change ports, rules and addresses:"},
		{Key: "other", Title: "Other:"},
	}
}

const examples = `
Examples:
  culvert config check culvert.yaml          is this file right?
  culvert run --config culvert.yaml          run the switch
  culvert port list                          which mode did the ports get, and why?
  culvert flow add br0 "priority=100,ip,nw_src=192.0.2.7,actions=drop"
  culvert flow add br0 --file flows.txt      "-" reads standard input
  culvert flow del br0 "ip,nw_src=192.0.2.7"
  culvert port add br0 p3 --type afxdp --tag 10 device=veth3
  culvert stats --json | jq .drops
  culvert trace br0 in_port=p1,udp,nw_dst=192.0.2.7,tp_dst=53
  culvert trace br0 --capture a.pcap --frame 7 --in p1
  culvert bench send a=vhost-frontend,path=/run/vu0 b=vhost-frontend,path=/run/vu1 --flows 1000 --rate 1e6
  culvert replay -c culvert.yaml --in p1=a.pcap --in p2=b.pcapng --out sent --verify
  culvert bench run --quick
  culvert bench report run.json --html run.html
  culvert bench compare old.json new.json --tolerance 3%

Exit codes:
  0  done
  1  the daemon could not do it, or run ended with an error
  2  the command line is wrong; of flow diff, which has 1 for that: there are differences
  3  the configuration, or the text of rules, groups, meters, options or packets, has errors
  4  no daemon answers on the socket
  5  run ended, but frames were lost on the way: a defect worth reporting
  6  replay --verify found a cached answer that is not what the rules say: a defect worth reporting
  7  bench compare found a loss of more than the tolerance
  8  bench compare could judge nothing, since others disturbed all windows of a run: measure again
`

// printHelp is kong's help, with examples below that of the program as a whole.
func printHelp(options kong.HelpOptions, ctx *kong.Context) error {
	if err := kong.DefaultHelpPrinter(options, ctx); err != nil {
		return err
	}
	if ctx.Selected() == nil {
		_, err := fmt.Fprint(ctx.Stdout, examples)
		return err
	}
	return nil
}

//go:build integration

package openflow

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// An oracle is a private Open vSwitch with the dummy datapath, asked by ofproto/trace what it would do.
type oracle struct {
	t   *testing.T
	dir string
}

const ovsSchema = "/usr/share/openvswitch/vswitch.ovsschema"

func newOracle(t *testing.T) *oracle {
	t.Helper()
	for _, tool := range []string{"ovsdb-tool", "ovsdb-server", "ovs-vswitchd", "ovs-vsctl", "ovs-ofctl", "ovs-appctl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the packages openvswitch-switch and openvswitch-common are needed: %v", err)
		}
	}
	if _, err := os.Stat(ovsSchema); err != nil {
		t.Skip(err)
	}
	dir, err := os.MkdirTemp("", "ovs") // not t.TempDir: the path of a unix socket has 107 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	o := &oracle{t, dir}
	sock := filepath.Join(dir, "db.sock")
	o.run("ovsdb-tool", "create", filepath.Join(dir, "conf.db"), ovsSchema)
	o.start("ovsdb-server", filepath.Join(dir, "conf.db"), "--remote=punix:"+sock, "--pidfile")
	o.wait(sock)
	o.run("ovs-vsctl", "--no-wait", "init")
	o.start("ovs-vswitchd", "unix:"+sock, "--enable-dummy=override", "--disable-system", "--pidfile")
	o.wait(filepath.Join(dir, "ovs-vswitchd.pid"))
	return o
}

func (o *oracle) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.Env = append(os.Environ(), "OVS_RUNDIR="+o.dir, "OVS_LOGDIR="+o.dir, "OVS_DBDIR="+o.dir, "OVS_SYSCONFDIR="+o.dir)
	return c
}

// start runs a daemon until the test ends.
func (o *oracle) start(name string, args ...string) {
	o.t.Helper()
	c := o.command(name, args...)
	if err := c.Start(); err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() {
		c.Process.Kill()
		c.Wait()
	})
}

func (o *oracle) wait(path string) {
	o.t.Helper()
	for range 200 {
		if _, err := os.Stat(path); err == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	o.t.Fatalf("%s does not appear", path)
}

func (o *oracle) run(name string, args ...string) string {
	o.t.Helper()
	out, err := o.command(name, args...).CombinedOutput()
	if err != nil {
		o.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// bridge makes a bridge with ports as ours and these flows.
func (o *oracle) bridge(name string, ports []rules.Port, flows string) {
	o.t.Helper()
	args := []string{"add-br", name, "--", "set", "bridge", name, "datapath-type=dummy", "fail-mode=secure", "protocols=OpenFlow10,OpenFlow13,OpenFlow15"}
	for _, p := range ports {
		if p.Number == PortLocal {
			continue
		}
		args = append(args, "--", "add-port", name, o.port(name, p.Number))
		args = append(args, ovsPort(&p)...)
		args = append(args, "--", "set", "Interface", o.port(name, p.Number), "type=dummy", fmt.Sprintf("ofport_request=%d", p.Number))
	}
	o.run("ovs-vsctl", args...)
	o.addFlows(name, flows)
}

// addFlows adds flows, one a line.
func (o *oracle) addFlows(bridge, flows string) {
	o.t.Helper()
	file := filepath.Join(o.dir, "flows")
	if err := os.WriteFile(file, []byte(flows), 0o600); err != nil {
		o.t.Fatal(err)
	}
	version := "OpenFlow10" // in which no action needs a match to make sense
	if strings.Contains(flows, "push_vlan") || strings.Contains(flows, "write_") || strings.Contains(flows, "actset_output") ||
		strings.Contains(flows, "group:") || strings.Contains(flows, "mpls") {
		version = "OpenFlow13" // which has that action
	}
	o.run("ovs-ofctl", "-O", version, "add-flows", bridge, file)
}

// ovsPort returns the columns of a Port that are as p says.
func ovsPort(p *rules.Port) []string {
	v := &p.VLAN
	var args []string
	list := func(column string, vlans []uint16) {
		if len(vlans) > 0 {
			args = append(args, column+"="+strings.Trim(strings.ReplaceAll(fmt.Sprint(vlans), " ", ","), "[]"))
		}
	}
	if v.Mode != rules.VLANTrunk {
		mode := [...]string{"trunk", "access", "native-tagged", "native-untagged", "dot1q-tunnel"}[v.Mode]
		args = append(args, "vlan_mode="+mode, fmt.Sprintf("tag=%d", v.Tag))
	}
	list("trunks", v.Trunks)
	list("cvlans", v.CVLANs)
	if v.QinQType == tpid8021Q {
		args = append(args, "other_config:qinq-ethtype=802.1q")
	}
	args = append(args, "other_config:priority-tags="+[...]string{"never", "if-nonzero", "always"}[v.PriorityTags])
	args = append(args, fmt.Sprintf("other_config:mcast-snooping-flood=%t", p.Multicast.Flood), fmt.Sprintf("other_config:mcast-snooping-flood-reports=%t", p.Multicast.FloodReports))
	return append(args, fmt.Sprintf("protected=%t", p.Protected))
}

func (o *oracle) port(bridge string, number uint32) string {
	return fmt.Sprintf("%s_%d", bridge, number)
}

// send returns what the oracle's bridge sends for a packet.
func (o *oracle) send(bridge, text string) (out []sent, actions string) {
	o.t.Helper()
	trace := o.run("ovs-appctl", "ofproto/trace", "--names", bridge, text)
	_, actions, ok := strings.Cut(trace, "Datapath actions: ")
	if !ok {
		o.t.Fatalf("no datapath actions in\n%s", trace)
	}
	actions, _, _ = strings.Cut(actions, "\n")
	p := newWirePacket(packet(o.t, text))
	return o.execute(bridge, &p, actions), actions
}

// execute returns what OVS's datapath sends of a packet by these actions.
func (o *oracle) execute(bridge string, p *wirePacket, actions string) (out []sent) {
	o.t.Helper()
	for _, a := range topLevel(actions) {
		if port, ok := o.portNumber(bridge, a); ok {
			out = append(out, p.send(port+100))
		} else if inner, ok := strings.CutPrefix(a, "clone("); ok {
			copied := *p
			out = append(out, o.execute(bridge, &copied, strings.TrimSuffix(inner, ")"))...)
		} else {
			o.apply(p, a)
		}
	}
	return out
}

func (o *oracle) portNumber(bridge, name string) (uint32, bool) {
	if name == bridge {
		return PortLocal, true
	}
	text, ok := strings.CutPrefix(name, bridge+"_")
	n, err := strconv.ParseUint(text, 10, 32)
	return uint32(n), ok && err == nil
}

// topLevel splits at commas outside of parentheses.
func topLevel(s string) []string {
	var parts []string
	depth, start := 0, 0
	for i, c := range s + "," {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return parts
}

var (
	setAction  = regexp.MustCompile(`^set\((\w+)\((.*)\)\)$`)
	pushAction = regexp.MustCompile(`^push_vlan\((?:tpid=(0x[0-9a-f]+),)?vid=(\d+),pcp=(\d+)\)$`)
)

// apply carries out an action of OVS's datapath.
func (o *oracle) apply(p *wirePacket, a string) {
	o.t.Helper()
	if a == "drop" || strings.HasPrefix(a, "userspace(") || strings.HasPrefix(a, "trunc(") || strings.HasPrefix(a, "set(skb_priority(") {
		return // what tells a controller, and what does not change the packet's headers
	}
	if a == "pop_vlan" {
		p.pop()
		return
	}
	if m := pushAction.FindStringSubmatch(a); m != nil {
		tpid := uint64(tpid8021Q)
		if m[1] != "" {
			tpid, _ = strconv.ParseUint(m[1], 0, 16)
		}
		vid, _ := strconv.ParseUint(m[2], 10, 16)
		pcp, _ := strconv.ParseUint(m[3], 10, 16)
		p.push(makeTag(uint16(tpid), uint16(pcp<<13|vid|flow.VLANPresent)))
		return
	}
	if o.applyLabel(p, a) {
		return
	}
	m := setAction.FindStringSubmatch(a)
	if m == nil {
		o.t.Fatalf("datapath action %q is unknown to the test", a)
	}
	for _, part := range topLevel(m[2]) {
		name, value, _ := strings.Cut(part, "=")
		f, ok := setFields[m[1]+"."+name]
		if !ok {
			o.t.Fatalf("datapath action %q is unknown to the test", a)
		}
		if f == flow.FieldIPTOS { // for the datapath one field with ECN
			p.setTOS(o.t, value)
			continue
		}
		// The datapath masks fields that OpenFlow cannot.
		text, maskText, masked := strings.Cut(value, "/")
		v, mask, err := flow.ParseValue(f, text, nil)
		if err != nil {
			o.t.Fatalf("%s: %v", a, err)
		}
		if masked {
			if mask, _, err = flow.ParseValue(f, maskText, nil); err != nil {
				o.t.Fatalf("%s: %v", a, err)
			}
		}
		set := makeSet(f, v, mask)
		n := f.Info().Size
		p.set(f, set.Value[:n], set.Mask[:n])
	}
}

// applyLabel carries out an action on MPLS labels and reports false for any other.
func (o *oracle) applyLabel(p *wirePacket, a string) bool {
	var label, tc, ttl, bos, typ uint32
	if n, _ := fmt.Sscanf(a, "push_mpls(label=%d,tc=%d,ttl=%d,bos=%d,eth_type=0x%x)", &label, &tc, &ttl, &bos, &typ); n == 5 {
		p.pushLabel(uint16(typ), label<<12|tc<<9|bos<<8|ttl)
		return true
	}
	if n, _ := fmt.Sscanf(a, "pop_mpls(eth_type=0x%x)", &typ); n == 1 {
		p.popLabel(uint16(typ))
		return true
	}
	fields, ok := strings.CutPrefix(a, "set(mpls(")
	if !ok {
		return false
	}
	for _, part := range strings.Split(strings.TrimSuffix(fields, "))"), ",") {
		name, text, _ := strings.Cut(part, "=")
		text, maskText, masked := strings.Cut(text, "/")
		f, _ := flow.FieldByName("mpls_" + name)
		v, _ := strconv.ParseUint(text, 0, 32)
		mask := f.Info().Max()
		if masked {
			mask, _ = strconv.ParseUint(maskText, 0, 32)
		}
		p.key.SetUint(f, p.key.Uint(f)&^mask|v&mask)
	}
	return true
}

// setTOS sets bits of the byte with DSCP and ECN.
func (p *wirePacket) setTOS(t *testing.T, text string) {
	t.Helper()
	valueText, maskText, masked := strings.Cut(text, "/")
	v, err := strconv.ParseUint(valueText, 0, 8)
	mask := uint64(0xff)
	if masked && err == nil {
		mask, err = strconv.ParseUint(maskText, 0, 8)
	}
	if err != nil {
		t.Fatal(err)
	}
	p.set(flow.FieldIPTOS, []byte{byte(v)}, []byte{byte(mask)})
}

var setFields = map[string]flow.FieldID{
	"eth.src": flow.FieldEthSrc, "eth.dst": flow.FieldEthDst,
	"ipv4.src": flow.FieldIPSrc, "ipv4.dst": flow.FieldIPDst, "ipv4.tos": flow.FieldIPTOS, "ipv4.ttl": flow.FieldIPTTL,
	"ipv6.src": flow.FieldIPv6Src, "ipv6.dst": flow.FieldIPv6Dst, "ipv6.tclass": flow.FieldIPTOS, "ipv6.hlimit": flow.FieldIPTTL,
	"ipv6.label": flow.FieldIPv6Label,
	"tcp.src":    flow.FieldTCPSrc, "tcp.dst": flow.FieldTCPDst, "udp.src": flow.FieldUDPSrc, "udp.dst": flow.FieldUDPDst,
	"sctp.src": flow.FieldSCTPSrc, "sctp.dst": flow.FieldSCTPDst, "icmp.type": flow.FieldICMPType, "icmp.code": flow.FieldICMPCode,
	"arp.sip": flow.FieldARPSPA, "arp.tip": flow.FieldARPTPA, "arp.op": flow.FieldARPOp, "arp.sha": flow.FieldARPSHA, "arp.tha": flow.FieldARPTHA,
	"nd.target": flow.FieldNDTarget,
}

// oraclePorts are what the cases run with: trunks and access ports, and the bridge's own.
func oraclePorts() []rules.Port {
	ports := append(trunks(1, 2, 3, 4, 5, 6), rules.Port{ID: 100 + PortLocal, Number: PortLocal, Name: "LOCAL"})
	ports[2].VLAN = rules.VLAN{Mode: rules.VLANAccess, Tag: 10}
	ports[3].VLAN = rules.VLAN{Mode: rules.VLANAccess, Tag: 10}
	ports[4].VLAN = rules.VLAN{Mode: rules.VLANAccess, Tag: 20}
	ports[5].VLAN = rules.VLAN{Trunks: []uint16{10, 30}}
	for i := range ports {
		ports[i].Up = true
	}
	return ports
}

// split returns the groups and the flows of a case.
func (c *oracleCase) split() (groups []string, flows string) {
	for line := range strings.Lines(c.flows) {
		if strings.HasPrefix(line, "group_id=") {
			groups = append(groups, strings.TrimSuffix(line, "\n"))
		} else {
			flows += line
		}
	}
	return groups, flows
}

// TestOpenVSwitchSendsTheSame: what ofproto/trace says OVS would send, we send.
func TestOpenVSwitchSendsTheSame(t *testing.T) {
	o := newOracle(t)
	for i, c := range oracleCases() {
		t.Run(c.name, func(t *testing.T) {
			o.t = t
			bridge := fmt.Sprintf("b%d", i)
			groups, flows := c.split()
			o.bridge(bridge, oraclePorts(), "")
			for _, g := range groups {
				o.run("ovs-ofctl", "-O", "OpenFlow15", "add-group", bridge, g)
			}
			o.addFlows(bridge, flows)
			tb, _ := newTable(t, Options{}, oraclePorts(), "")
			addGroups(t, tb, strings.Join(groups, "\n"))
			add(t, tb, flows)
			for _, p := range c.packets {
				want, actions := o.send(bridge, p)
				v := look(t, tb, p)
				got, _ := execute(v.Actions.Words(), packet(t, p))
				// Floods go out in no particular order.
				order := func(a, b sent) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) }
				slices.SortFunc(got, order)
				slices.SortFunc(want, order)
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("%s\nours %s\nOVS  %s\ngot  %v\nwant %v", p, program(v), actions, got, want)
				}
			}
			o.run("ovs-vsctl", "del-br", bridge)
		})
	}
}

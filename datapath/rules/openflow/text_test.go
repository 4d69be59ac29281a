package openflow

import (
	"errors"
	"strings"
	"testing"
)

// A names knows ports by name.
type names map[string]uint32

func (n names) PortNumber(name string) (uint32, bool) { v, ok := n[name]; return v, ok }
func (n names) PortName(uint32) (string, bool)        { return "", false }

func TestFlowsAreReadAndWrittenInOvsOfctlsSyntax(t *testing.T) {
	for _, c := range []struct{ in, want string }{ // want empty: the same
		{"actions=drop", ""},
		{"actions=", "actions=drop"},
		{"table=3, priority=10,tcp,in_port=1,nw_src=10.0.0.0/8,tp_dst=80 actions=output:2", ""},
		{"cookie=0x5, table=1, idle_timeout=60, hard_timeout=5, actions=NORMAL", ""},
		{"  priority = 7", "error"},
		{"priority=32768,ip,actions=2,3,LOCAL", "ip actions=output:2,output:3,LOCAL"},
		{"in_port=LOCAL,actions=in_port,all,flood,normal,local", "in_port=LOCAL actions=IN_PORT,ALL,FLOOD,NORMAL,LOCAL"},
		{"actions=output:normal", "actions=NORMAL"},
		{"actions=2 3\tnormal", "actions=output:2,output:3,NORMAL"},
		{"actions=output=2", "actions=output:2"},
		{"actions=0xfffffffe", "error"},
		{"actions=4294967294", "actions=LOCAL"},
		{"ip,actions=set_field:00:11:22:33:44:55->eth_dst,set_field:1.2.3.4->nw_src", "ip actions=set_field:00:11:22:33:44:55->eth_dst,set_field:1.2.3.4->ip_src"},
		{"actions=set_field:0x10/0xf0->reg1", ""},
		{"ip,actions=set_field:10.0.0.0/8->ip_dst", "ip actions=set_field:10.0.0.0/8->ip_dst"},
		{"ipv6 actions=set_field:fd00::1->ipv6_src,set_field:0x7->metadata", ""},
		{"dl_vlan=3 actions=set_field:4101->vlan_vid,set_field:3->vlan_pcp", ""},
		{"actions=set_field:12->xxreg1", "actions=set_field:0xc->xxreg1"},
		{"actions=load:0x5->NXM_NX_REG0[0..15],load:1->reg3[7],load:0xffffffffffffffff->xxreg0[64..127]", "actions=load:0x5->NXM_NX_REG0[0..15],load:0x1->NXM_NX_REG3[7],load:0xffffffffffffffff->NXM_NX_XXREG0[64..127]"},
		{"reg16=1,xreg15=2,xxreg5=0x7/0xff,actions=load:1->reg31[3],load:7->xxreg4,move:NXOXM_ET_REG16[0..3]->NXOXM_ET_XXREG7[120..123],load:1->OXM_OF_PKT_REG15[]",
			"reg16=0x1,reg23=0x7/0xff,reg30=0,reg31=0x2 actions=load:0x1->NXOXM_ET_REG31[3],load:0x7->NXOXM_ET_XXREG4[],move:NXOXM_ET_REG16[0..3]->NXOXM_ET_XXREG7[120..123],load:0x1->OXM_OF_PKT_REG15[]"},
		{"actions=load:1->tun_erspan_idx[3]", "actions=load:0x1->NXOXM_ET_ERSPAN_IDX[3]"},
		{"actions=load:0->in_port", "actions=load:0->NXM_OF_IN_PORT[]"},
		{"ip,actions=move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],move:reg0[0..7]->nw_src[8..15]", "ip actions=move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],move:NXM_NX_REG0[0..7]->NXM_OF_IP_SRC[8..15]"},
		{"actions=mod_dl_src:00:00:00:00:00:01,mod_dl_dst:00:00:00:00:00:02,mod_nw_src:1.1.1.1,mod_nw_dst:2.2.2.2,mod_nw_tos:32,mod_nw_ecn:1,mod_nw_ttl:9,mod_tp_src:1,mod_tp_dst:2,mod_vlan_vid:3,mod_vlan_pcp:4", ""},
		{"actions=strip_vlan,pop_vlan,push_vlan:0x8100,push_vlan:0x88a8,dec_ttl", ""},
		{"actions=resubmit:5,resubmit(,7),resubmit(6,7),exit", ""},
		{"actions=resubmit(5)", "actions=resubmit:5"},
		{"actions=resubmit( in_port , 2 )", "actions=resubmit(,2)"},
		{"actions=output:reg0,output:NXM_NX_REG0[0..15],output:xreg0[5]", "actions=output:NXM_NX_REG0[],output:NXM_NX_REG0[0..15],output:OXM_OF_PKT_REG0[5]"},
		{"actions=output(max_len=0x64,port=local),output(port=2,max_len=14)", "actions=output(port=LOCAL,max_len=100),output(port=2,max_len=14)"},
		{"actions=output:table,table,enqueue(1,5),enqueue:2:6,enqueue(in_port:7)", "actions=TABLE,TABLE,enqueue:1:5,enqueue:2:6,enqueue:IN_PORT:7"},
		{"actions=push:reg0,pop:NXM_NX_REG2[0..5],pop:metadata[3]", "actions=push:NXM_NX_REG0[],pop:NXM_NX_REG2[0..5],pop:OXM_OF_METADATA[3]"},
		{"actions=note:11.2233,note:,note:00112233445566", "actions=note:11.22.33.00.00.00,note:00.00.00.00.00.00,note:00.11.22.33.44.55.66.00.00.00.00.00.00.00"},
		{"actions=dec_ttl(),dec_ttl(1, 2),dec_ttl:3,dec_ttl(0)", "actions=dec_ttl,dec_ttl(1,2),dec_ttl(3),dec_ttl(0)"},
		{"actions=set_tunnel:5,set_tunnel:0x500000000,set_tunnel64:5,set_tunnel:0", "actions=set_tunnel:0x5,set_tunnel64:0x500000000,set_tunnel64:0x5,set_tunnel:0"},
		{"actions=set_queue:5,set_queue:0xffffffff,pop_queue", "actions=set_queue:5,set_queue:4294967295,pop_queue"},
		{"actions=set_vlan_vid:5,set_vlan_pcp:6", "actions=mod_vlan_vid:5,mod_vlan_pcp:6"},
		{"actions=output:1,clear_actions,write_actions(output:2,dec_ttl),write_metadata:0x5/0xff,goto_table:3", ""},
		{"actions=write_actions(drop),write_metadata:5", "actions=write_metadata:0x5"},
		{"actions=write_actions()", "actions=drop"},
		{"actions=delete_field:tun_metadata5", ""},
		{"actions=controller,controller:100,CONTROLLER:65535,output:controller,controller(max_len=5),controller(max_len=65535),controller()", "actions=CONTROLLER:65535,CONTROLLER:100,CONTROLLER:65535,CONTROLLER:65535,CONTROLLER:5,CONTROLLER:65535,CONTROLLER:65535"},
		{"actions=controller(id=5,reason=invalid_ttl,userdata=01.02.0304,pause,meter_id=7)", "actions=controller(reason=invalid_ttl,id=5,userdata=01.02.03.04,pause,meter_id=7)"},
		{"actions=controller(reason=no_match,max_len=3)", ""},
		{"actions=write_actions(CONTROLLER:65535)", ""},
		{"actions=meter:3,output:2,goto_table:7", ""},
		{"actions=learn()", "actions=learn(table=1)"},
		{"actions=learn(table=10,hard_timeout=300,priority=7,cookie=0x5,NXM_OF_VLAN_TCI[0..11],NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],load:0->NXM_OF_VLAN_TCI[],output:NXM_OF_IN_PORT[])", ""},
		{"tcp,actions=learn(table=1,idle_timeout=10,fin_idle_timeout=1,fin_hard_timeout=2,send_flow_rem,delete_learned,limit=100,result_dst=NXM_NX_REG0[3],dl_type=0x800,nw_proto=6,tcp_dst=tcp_src,load:5->reg0[0..7],load:NXM_OF_IN_PORT[]->NXM_NX_REG1[0..15])",
			"tcp actions=learn(table=1,idle_timeout=10,fin_idle_timeout=1,fin_hard_timeout=2,send_flow_rem,delete_learned,limit=100,result_dst=NXM_NX_REG0[3],eth_type=0x800,nw_proto=6,NXM_OF_TCP_DST[]=NXM_OF_TCP_SRC[],load:0x5->NXM_NX_REG0[0..7],load:NXM_OF_IN_PORT[]->NXM_NX_REG1[0..15])"},
		{"actions=learn(in_port=LOCAL,eth_dst=00:11:22:33:44:55,reg0[0..7]=reg1[8..15],reg2=0x77,reg3[0..3]=5,vlan_tci[0..11]=5,metadata,metadata=0,tun_id=5)",
			"actions=learn(table=1,in_port=LOCAL,eth_dst=00:11:22:33:44:55,NXM_NX_REG0[0..7]=NXM_NX_REG1[8..15],reg2=0x77,NXM_NX_REG3[0..3]=0x5,NXM_OF_VLAN_TCI[0..11]=0x5,OXM_OF_METADATA[],metadata=0,tun_id=0x5)"},
		{"actions=learn(dl_type=0x800,nw_src=10.0.0.1,output:reg0[0..15])", "actions=learn(table=1,eth_type=0x800,ip_src=10.0.0.1,output:NXM_NX_REG0[0..15])"},
		{"actions=learn(eth_type=0x86dd,ipv6_dst=fd00::1,ipv6_src[0..63]=1,vlan_vid=5,load:0xffffffffffffffff->xxreg0[0..63])",
			"actions=learn(table=1,eth_type=0x86dd,ipv6_dst=fd00::1,NXM_NX_IPV6_SRC[0..63]=0x1,vlan_vid=5,load:0xffffffffffffffff->NXM_NX_XXREG0[0..63])"},
		{"actions=learn(cookie=0xffffffffffffffff,limit=4294967295,priority=0)", "actions=learn(table=1,priority=0,cookie=0xffffffffffffffff,limit=4294967295)"},
		{"tcp,actions=fin_timeout(idle_timeout=5,hard_timeout=7),fin_timeout(hard_timeout=7),fin_timeout(idle_timeout=5),fin_timeout()", "tcp actions=fin_timeout(idle_timeout=5,hard_timeout=7),fin_timeout(hard_timeout=7),fin_timeout(idle_timeout=5),fin_timeout()"},
		{"actions=conjunction(5, 1/2),conjunction(0,3/64),note:11", "actions=conjunction(5,1/2),conjunction(0,3/64),note:11.00.00.00.00.00"},
		{"conj_id=5,actions=conjunction(5,1/2)", "conj_id=5 actions=conjunction(5,1/2)"},
		{"actions=write_metadata:0/0", ""},
		{"actset_output=unset,actions=2", "actset_output=UNSET actions=output:2"},
		{"actions=output:eth0,\"odd name\"", "actions=output:8,output:9"},
		{"in_port=eth0 actions=2,goto_table:4", "in_port=8 actions=output:2,goto_table:4"},
		{" cookie=0x0, duration=1.2s, table=0, n_packets=5, n_bytes=9, idle_age=3, hard_age=4, priority=1,arp actions=2", "priority=1,arp actions=output:2"},
	} {
		f, err := Parser{Ports: names{"eth0": 8, "odd name": 9}}.ParseFlow(c.in)
		if c.want == "error" {
			if err == nil {
				t.Errorf("%s: got %s, want an error", c.in, f.String())
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		want := c.want
		if want == "" {
			want = c.in
		}
		if got := f.String(); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", c.in, got, want)
		}
		again, err := ParseFlow(f.String())
		if err != nil || again.String() != f.String() {
			t.Errorf("%s: read again: got %s, %v", f.String(), again.String(), err)
		}
	}
}

func TestMistakesInFlowsAreNamedWithTheirPlace(t *testing.T) {
	for _, c := range []struct {
		in   string
		col  int
		part string
	}{
		{"in_port=1,bar=3,actions=2", 11, "bar: want a match field"},
		{"nw_scr=10.0.0.1,actions=2", 1, "an unknown word; did you mean nw_src?"},
		{"tpc,prioriti=3,actions=2", 1, "did you mean tcp?"},
		{"ip,prioriti=3,actions=2", 4, "did you mean priority?"},
		{"reg32=5,actions=2", 1, "there are reg0 to reg31"},
		{"actions=2,ouptut:3", 11, "ouptut: want an action or a port, found an unknown word; did you mean output?"},
		{"actions=load:5->regg1[0..3]", 9, "did you mean reg1"},
		{"actions=set_field:5->tcp_dts", 9, "did you mean tcp_dst?"},
		{"actions=push:nw_srv", 9, "did you mean nw_src?"},
		{"tun_ttl=64,actions=2", 1, "tun_ttl: want a match field, found one of the switch's own"},
		{"ip,tun_tos=4,actions=2", 4, "tun_tos: want a match field, found one of the switch's own"},
		{"vlan_tci1=0,actions=2", 1, "found one of the switch's own"},
		{"priority=70000,actions=2", 1, "priority: want a number of 0 to 65535"},
		{"table=255,actions=2", 1, "table: want a table of 0 to 254"},
		{"tcp,tcp_dst=70000,actions=2", 5, "tcp_dst"},
		{"tp_dst=80,actions=2", 1, "tp_dst"},
		{"tcp", 1, "want actions="},
		{"cookie=1/1,actions=2", 1, "without a mask"},
		{"out_port=1,actions=2", 1, "out_port"},
		{"ip,actions=2,foo", 14, "foo: want an action or a port"},
		{"ip,actions=2,foo:3", 14, "foo: want an action or a port"},
		{"actions=2,drop", 11, "drop: want no other action"},
		{"actions=output", 9, "output: want a port number"},
		{"actions=output:99999", 9, "output: want a port number"},
		{"actions=controller(reason=foo)", 9, "controller: reason: want one of no_match"},
		{"actions=controller(foo=1)", 9, "controller: foo: want max_len"},
		{"actions=controller:70000", 9, "controller: want a number of 0 to 65535"},
		{"actions=controller(userdata=1)", 9, "userdata: want pairs of hex digits"},
		{"actions=controller(meter_id=0)", 9, "meter_id: meter: want a number"},
		{"actions=write_actions(controller(id=3))", 9, "write_actions: want actions that an action set can hold"},
		{"actions=0", 9, "want a port number"},
		{"actions=set_field:1", 9, "set_field: want value->field"},
		{"actions=set_field:1->foo", 9, "set_field: want a field behind ->"},
		{"actions=set_field:1->eth_type", 9, "want a field that can be written"},
		{"actions=set_field:1->mpls_label", 9, "mpls or mplsm"},
		{"actions=set_field:*->nw_src", 9, "want a value"},
		{"actions=set_field:4096->dl_vlan", 9, "dl_vlan"},
		{"actions=load:5->reg0[0..1]", 9, "want a number of 2 bits"},
		{"actions=load:x->reg0", 9, "want a number"},
		{"actions=load:1->reg0[40]", 9, "reg0[40]"},
		{"actions=move:reg0[0..3]->reg1[0..4]", 9, "found 4 and 5"},
		{"actions=mod_vlan_vid:5000", 9, "mod_vlan_vid: want a number up to 0xfff"},
		{"actions=mod_vlan_pcp:8", 9, "mod_vlan_pcp"},
		{"actions=mod_nw_tos:33", 9, "mod_nw_tos"},
		{"actions=mod_nw_src:1.1.1.0/24", 9, "without a mask"},
		{"actions=push_vlan:0x1234", 9, "push_vlan: want 0x8100 or 0x88a8"},
		{"actions=dec_ttl:x", 9, "dec_ttl: want a number of 0 to 65535"},
		{"actions=dec_ttl(70000)", 9, "dec_ttl: want a number of 0 to 65535"},
		{"actions=resubmit()", 9, "resubmit: want a port"},
		{"actions=resubmit(", 17, "resubmit: want )"},
		{"actions=resubmit(,255)", 9, "want a table of 0 to 254"},
		{"actions=output:ipv6_src", 9, "output: want a port number"},
		{"actions=output:unset", 9, "output: want a port number"},
		{"actions=output:reg0[0..31", 9, "output: want a port number"},
		{"actions=output(port=1,max_len=13)", 9, "max_len: want a number of bytes of 14 or more"},
		{"actions=output(port=normal,max_len=100)", 9, "port: want a port number of 1 to"},
		{"actions=output(port=1,max_len=100,x=1)", 9, "x: want port or max_len"},
		{"actions=output(max_len=100)", 9, "want (port=port,max_len=bytes)"},
		{"actions=enqueue:normal:5", 9, "enqueue: want a port number"},
		{"actions=enqueue:1", 9, "enqueue: want port:queue"},
		{"actions=enqueue:1:x", 9, "enqueue: want a number of up to 32 bits"},
		{"actions=set_queue:4294967296", 9, "set_queue: want a number of up to 32 bits"},
		{"actions=pop:eth_type", 9, "pop: dl_type: want a field that can be written"},
		{"actions=push:foo", 9, "push: foo: want a field"},
		{"actions=note:1", 9, "note: want pairs of hex digits"},
		{"actions=exit:3", 9, "exit: want no argument"},
		{"actions=set_tunnel:x", 9, "set_tunnel: want a number of up to 64 bits"},
		{"actions=write_metadata:1/x", 9, "write_metadata: want a mask"},
		{"actions=write_actions(output:1),output:2", 33, "output:2: want it before write_actions(output:1)"},
		{"actions=write_actions(output:1),clear_actions", 33, "clear_actions: want it before write_actions"},
		{"actions=clear_actions,clear_actions", 23, "clear_actions: want it once"},
		{"actions=write_actions(output:1, note:11)", 9, "write_actions: want actions that an action set can hold, found \"note:"},
		{"actions=write_actions(output:1, goto_table:3)", 33, "goto_table:3: want no instruction in a list"},
		{"actions=2,write_actions(3,foo)", 27, "foo: want an action or a port"},
		{"actions=learn(table=255)", 9, "learn: table: want a table of 0 to 254"},
		{"actions=learn(foo=3)", 9, "learn: foo: want table,"},
		{"actions=learn(ip)", 9, "learn: ip: want table,"},
		{"actions=learn(tcp_dst=80)", 9, "learn: tcp_dst: want the learned flow to match"},
		{"actions=learn(dl_type=0x800,nw_proto=17,tcp_dst=80)", 9, "learn: tcp_dst: want the learned flow to match"},
		{"actions=learn(load:80->tcp_src)", 9, "learn: tcp_src: want the learned flow to match"},
		{"actions=learn(load:reg0->reg1[0..7])", 9, "want as many bits on both sides"},
		{"actions=learn(load:5->dl_type)", 9, "want a field that can be written"},
		{"actions=learn(in_port[0..3])", 9, "want the whole field, since it cannot be masked"},
		{"actions=learn(vlan_tpid=5)", 9, "found one of the switch's own"},
		{"actions=learn(load:reg0)", 9, "want value->field"},
		{"actions=learn(reg0[0..3]=reg1[0..7])", 9, "want as many bits on both sides, found 4 and 8"},
		{"actions=learn(reg0[0..3]=16)", 9, "want a field or a number of 4 bits"},
		{"actions=learn(dl_type=0x800,nw_src=10.0.0.0/8)", 9, "want a value without a mask"},
		{"actions=learn(result_dst=reg0)", 9, "result_dst: want a single bit"},
		{"actions=learn(output:5)", 9, "learn: output:5: 5: want a field"},
		{"actions=learn(dl_type=0x800,nw_src)", 9, "want ip in the flow's match"},
		{"actions=learn(idle_timeout=70000)", 9, "idle_timeout: want a number of 0 to 65535"},
		{"actions=write_actions(learn(table=1))", 9, "write_actions: want actions that an action set can hold"},
		{"actions=fin_timeout(foo=1)", 9, "fin_timeout: foo: want idle_timeout or hard_timeout"},
		{"actions=fin_timeout(idle_timeout=x)", 9, "fin_timeout: idle_timeout: want a number"},
		{"actions=conjunction(5,1/2),output:1", 28, "output:1: want only note beside conjunction"},
		{"actions=output:2,meter:3", 18, "meter:3: want it before output:2"},
		{"actions=meter:1,meter:2", 17, "meter:2: want it once"},
		{"actions=meter:0", 9, "meter: want a meter of 1 to 4294901760"},
		{"actions=write_actions(meter:3)", 23, "meter:3: want no instruction in a list"},
		{"actions=delete_field:reg0", 9, "delete_field: want a tun_metadata field"},
		{"actions=conjunction(5,0/2)", 9, "want a clause of 1 to 2"},
		{"actions=conjunction(5,3/2)", 9, "want a clause of 1 to 2"},
		{"actions=conjunction(5,1/1)", 9, "want 2 to 64 clauses"},
		{"actions=conjunction(5,1/65)", 9, "want 2 to 64 clauses"},
		{"actions=conjunction(5)", 9, "want id,k/n"},
		{"actions=write_actions(conjunction(5,1/2))", 23, "want no conjunction"},
		{"actions=ct(commit)", 9, "ct: needs connection tracking"},
		{"actions=ct_clear", 9, "ct_clear: needs connection tracking"},
		{"actions=resubmit(,1,ct)", 9, "resubmit: ct needs connection tracking"},
		{"ip,ct_state=+trk,actions=1", 4, "ct_state: needs connection tracking"},
		{"actions=resubmit(,1,2)", 9, "resubmit: want ([port],[table])"},
		{"actions=sample(probability=1)", 9, "sample: needs IPFIX"},
		{"actions=goto_table:3,output:2", 22, "output:2: want it before goto_table:3"},
		{"table=3,actions=goto_table:3", 17, "want a later table"},
	} {
		_, err := ParseFlow(c.in)
		var se *SyntaxError
		if !errors.As(err, &se) {
			t.Errorf("%s: got %v, want a SyntaxError", c.in, err)
			continue
		}
		if se.Col != c.col || !strings.Contains(se.Problem, c.part) {
			t.Errorf("%s: got column %d: %s\nwant column %d: %s", c.in, se.Col, se.Problem, c.col, c.part)
		}
	}
}

func TestFilesOfFlows(t *testing.T) {
	list, err := ParseFlows(strings.NewReader("# rules\n\nactions=2 # to the left\n  \n\ttable=1,actions=3\r\n"), "f")
	if err != nil || len(list) != 2 || list[1].String() != "table=1, actions=output:3" {
		t.Errorf("got %v, %v", list, err)
	}
	_, err = ParseFlows(strings.NewReader("actions=2\n\nip,actions=foo\n"), "rules.txt")
	if err == nil || !strings.HasPrefix(err.Error(), "rules.txt:3:12: foo: ") {
		t.Errorf("got %v, want it at rules.txt:3:12", err)
	}
	_, err = ParseFlows(strings.NewReader("actions=2\n"+strings.Repeat("x", limitLine+1)), "f")
	if err == nil || !strings.Contains(err.Error(), "f:2") {
		t.Errorf("a line without end: got %v", err)
	}
}

func TestFiltersSelectAsOvsOfctlDoes(t *testing.T) {
	const flows = `
cookie=1,priority=10,tcp,in_port=1,actions=2
cookie=2,priority=10,ip,actions=3
cookie=3,table=1,priority=10,tcp,actions=2
`
	for _, c := range []struct {
		filter string
		strict bool
		want   int
	}{
		{"", false, 3},
		{"table=0", false, 2},
		{"ip", false, 3},
		{"tcp", false, 2},
		{"in_port=1", false, 1},
		{"udp", false, 0},
		{"cookie=2/-1", false, 1},
		{"cookie=3", false, 1},
		{"cookie=1/1", false, 2},
		{"out_port=2", false, 2},
		{"ip,priority=10", true, 1},
		{"ip", true, 0},
		{"priority=10,tcp", true, 1},
	} {
		tb, _ := newTable(t, Options{}, trunks(1, 2, 3), flows)
		x, err := ParseFilter(c.filter, c.strict)
		if err != nil {
			t.Errorf("%q: %v", c.filter, err)
			continue
		}
		if got := len(tb.Flows(x)); got != c.want {
			t.Errorf("%q strict %v: got %d flows, want %d", c.filter, c.strict, got, c.want)
		}
		if got := tb.DeleteFlows(x); got != c.want || len(tb.Flows(AllFlows())) != 3-c.want {
			t.Errorf("%q strict %v: deleted %d, want %d", c.filter, c.strict, got, c.want)
		}
	}
	for _, bad := range []string{"actions=2", "ip,actions=", "foo=1"} {
		if _, err := ParseFilter(bad, false); err == nil {
			t.Errorf("%q: got no error", bad)
		}
	}
	if _, err := ParseFilter("priority=5", false); err == nil {
		t.Error("a priority that is not strict: got no error")
	}
}

func FuzzFlowText(f *testing.F) {
	for _, s := range []string{
		"table=1,priority=5,tcp,in_port=1,nw_src=10.0.0.0/8,actions=output:2,resubmit(,3)",
		"actions=load:0x5->NXM_NX_REG0[0..15],move:reg0[]->reg1[],set_field:1/3->reg2,goto_table:9",
		"cookie=0x5/-1,actions=mod_vlan_vid:5,\"a b\",drop", "vlan_tci=0x1000/0x1000,actions=push_vlan:0x8100,set_field:4097->vlan_vid",
		"tcp_flags=+syn-ack,tcp,nw_frag=later,actions=dec_ttl,exit,normal", "actions=resubmit((((", "icmp6,icmp_type=135,icmp_code=0,nd_target=::1,actions=1",
		"actions=learn(table=2,idle_timeout=5,limit=3,result_dst=reg0[0],reg1[0..3]=reg2[4..7],NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],load:5->reg3[],output:in_port)",
		"actions=controller(max_len=5,reason=no_match,id=3,userdata=00.11,pause,meter_id=5),write_actions(output:1,dec_ttl),write_metadata:5/7",
		"tcp,actions=fin_timeout(idle_timeout=5),push:reg0[3],pop:reg1[0..7],output(port=2,max_len=99),output:reg0,enqueue:1:2,note:0011",
		"priority=3,conj_id=5,actions=conjunction(1,2/3),conjunction(7,1/2)", "actions=meter:3,set_tunnel:77,clear_actions", "actions=delete_field:tun_metadata3",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		fl, err := ParseFlow(s)
		if err != nil {
			var se *SyntaxError
			if !errors.As(err, &se) || se.Col < 1 || se.Col > len(s)+1 {
				t.Fatalf("%q: got %v, want a SyntaxError within the text", s, err)
			}
			return
		}
		text := fl.String()
		again, err := ParseFlow(text)
		if err != nil {
			t.Fatalf("%q became %q, which is none: %v", s, text, err)
		}
		if got := again.String(); got != text {
			t.Fatalf("%q became %q, then %q", s, text, got)
		}
		if again.Match != fl.Match || again.Priority != fl.Priority || again.Table != fl.Table {
			t.Fatalf("%q became %q, which is another rule", s, text)
		}
		tb, _ := newTable(t, Options{}, trunks(1, 2), "")
		if err := tb.AddFlows([]Flow{fl}); err != nil {
			return // it names a group, meter or tunnel option that is not there
		}
		look(t, tb, "in_port=1,tcp,nw_ttl=3")
		live(t, tb, "in_port=1,tcp,nw_ttl=1,tcp_flags=+fin")
	})
}

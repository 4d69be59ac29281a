package daemon_test

import (
	"strings"
	"testing"

	"github.com/culvertdev/culvert/control/api"
)

const mirroredBridge = `
bridges:
- name: br0
  ports:
  - {name: p1, type: memory}
  - {name: p2, type: memory}
  - {name: tap1, type: memory}
  mirrors:
  - {name: every, select-all: true, output-port: tap1, snaplen: 20}
`

func TestMirrorsCopyPackets(t *testing.T) {
	l := start(t, mirroredBridge)
	p1, p2, tap := l.peer("p1"), l.peer("p2"), l.peer("tap1")
	p1.SendBytes(packet(1, 2))
	arrives(t, p2, 1)
	arrives(t, tap, 1)
	call(l, api.FlowAdd, api.FlowText{Lines: []string{"priority=5,in_port=p1,actions=drop"}})
	p1.SendBytes(packet(1, 2))
	arrives(t, tap, 1)
	tap.SendBytes(packet(3, 2)) // which goes nowhere
	l.settled(3)
	eventually(t, "one is dropped by the rule, and one on the mirror's port", func() bool {
		got := call(l, api.GetStats, api.Nothing{})
		return counted(got.Drops, "mirror_port") == 1 && counted(got.Drops, "rule") == 1
	})
	eventually(t, "what the cache has counted is credited", func() bool {
		got := call(l, api.MirrorList, api.BridgeName{})
		return len(got) == 1 && got[0].Packets == 2 && got[0].Bytes == uint64(2*len(packet(1, 2))) && got[0].Active && got[0].Snaplen == 20
	})
	if got := tap.RecvBytes(); len(got) != 0 {
		t.Errorf("%d more packets were copied", len(got))
	}

	m := api.NewMirror{MirrorConfig: api.MirrorConfig{Name: "one", SelectSrc: []string{"p2"}, OutputPort: "p1"}}
	call(l, api.MirrorDel, api.MirrorName{Name: "every"})
	call(l, api.MirrorAdd, m)
	p2.SendBytes(packet(2, 9))
	arrives(t, p1, 1)
	arrives(t, tap, 1) // a port like any other now

	refuse(l, api.MirrorAdd, m, api.Exists)
	refuse(l, api.MirrorDel, api.MirrorName{Name: "every"}, api.NotFound)
	for _, c := range []api.MirrorConfig{
		{Name: "n"}, {Name: "n", OutputVLAN: 4096}, {Name: "n", OutputVLAN: 5, VLANs: []int{-1}}, {Name: "n", OutputVLAN: 5, Snaplen: 70000}, {OutputVLAN: 5},
	} {
		refuse(l, api.MirrorAdd, api.NewMirror{MirrorConfig: c}, api.BadParams)
	}
	refuse(l, api.MirrorAdd, api.NewMirror{MirrorConfig: api.MirrorConfig{Name: "n", OutputPort: "p9"}}, api.NotFound)

	call(l, api.ConfigApply, l.apply(strings.Replace(mirroredBridge, "name: every", "name: other", 1)))
	if got := call(l, api.MirrorList, api.BridgeName{}); len(got) != 1 || got[0].Name != "other" || got[0].Packets != 0 {
		t.Errorf("got %+v, want the mirror of the configuration alone", got)
	}
}

package tunnel

import (
	"fmt"
	"strings"

	"github.com/culvertdev/culvert/encap"
)

// An Identity tells tunnels apart that packets come in by: no two ports have the same.
type Identity struct {
	Type    encap.Type
	Remote  End
	Local   End
	Key     Key
	DstPort uint16
}

// Identity returns the tunnel's. Packets without a key are those of key 0, as with OVS.
func (c *Config) Identity() Identity {
	id := Identity{Type: c.Type, Remote: c.Remote, Local: c.Local, Key: c.InKey, DstPort: c.DstPort}
	if id.Key.From == Any {
		id.Key.From = Fixed
	}
	if id.Remote.From == Lookup {
		id.Remote.From = Flow // both take packets from anywhere
	}
	return id
}

// String returns the identity in the words of the options.
func (i Identity) String() string {
	var b strings.Builder
	b.WriteString(i.Type.String())
	for _, e := range []struct {
		name string
		End
	}{{"remote_ip", i.Remote}, {"local_ip", i.Local}} {
		switch e.From {
		case Fixed:
			fmt.Fprintf(&b, " %s=%s", e.name, e.Addr)
		case Flow:
			fmt.Fprintf(&b, " %s=flow", e.name)
		}
	}
	if i.Key.From == Flow {
		b.WriteString(" in_key=flow")
	} else {
		fmt.Fprintf(&b, " in_key=%d", i.Key.ID)
	}
	if i.DstPort != 0 {
		fmt.Fprintf(&b, " dst_port=%d", i.DstPort)
	}
	return b.String()
}

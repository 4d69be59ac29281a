package config

import "github.com/culvertdev/culvert/flowcache/flow"

// tunnelOptions reads the options of a bridge, which must go together.
func (r *bridges) tunnelOptions(v value) []flow.Option {
	var m *flow.TLVMap
	for _, e := range v.list("a list of tunnel options") {
		text := ""
		e.text(&text, `an option such as "{class=0x102,type=0x80,len=4}->tun_metadata0"`, nil)
		if text == "" {
			continue
		}
		list, err := flow.ParseOptions(text)
		if err == nil {
			var more *flow.TLVMap
			if more, err = m.Add(list...); err == nil {
				m = more
			}
		}
		if err != nil {
			e.fail("%v", err)
		}
	}
	return m.Options()
}

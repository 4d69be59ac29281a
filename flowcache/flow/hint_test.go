package flow

import "testing"

func TestWhatMayHaveBeenMeant(t *testing.T) {
	for word, want := range map[string]string{
		"nw_scr":         "; did you mean nw_src?",
		"inport":         "; did you mean in_port?",
		"regg1":          "; did you mean reg1?",
		"ethertype":      "; did you mean eth_type?",
		"NXM_OF_ETH_SCR": "; did you mean NXM_OF_ETH_SRC?",
		"reg32":          "; there are reg0 to reg31",
		"xxreg9":         "; there are xxreg0 to xxreg7",
		"NXM_NX_REG16":   "; there are NXM_NX_REG0 to NXM_NX_REG15",
		"tun_metadata64": "; there are tun_metadata0 to tun_metadata63",
		"tun_metadat":    "; did you mean tun_metadata0?",
		"prioriti":       "; did you mean priority?",
		"colour":         "",
	} {
		if got := Hint(word, "priority"); got != want {
			t.Errorf("%s: got %q, want %q", word, got, want)
		}
	}
	for _, word := range shorthands {
		if _, _, ok := shorthand(word); !ok {
			t.Errorf("%s is offered, but stands for nothing", word)
		}
	}
}

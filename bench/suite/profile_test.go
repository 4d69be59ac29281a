package suite

import (
	"strings"
	"testing"
)

const perfReport = `
    40.00%  [.] github.com/culvertdev/culvert/vhost/virtq.(*Split).Take
    20.00%  [.] github.com/culvertdev/culvert/vhost/virtq.(*Split).Give
    15.00%  [.] runtime.memmove
    10.00%  [k] do_syscall_64
    10.00%  [k] clear_page_erms
     3.00%  [.] 0x00000000002bfc62
     1.00%  [.] github.com/culvertdev/culvert/pmd.(*Worker).cycle
     1.00%  [.] rte_vhost_dequeue_burst
`

func TestAProfileIsSummedUpByStage(t *testing.T) {
	var b strings.Builder
	printStages(&b, parseStages(perfReport, 50))
	want := `     60.0 %    30.0 cycles  vhost/virtq.(*Split)
     20.0 %    10.0 cycles  the kernel
     15.0 %     7.5 cycles  runtime.memmove
      3.0 %     1.5 cycles  functions without a name
      2.0 %     1.0 cycles  all others
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

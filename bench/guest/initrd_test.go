package guest

import (
	"bytes"
	"os/exec"
	"testing"
)

func TestTheFirstFileSystemIsReadByCpio(t *testing.T) {
	cpio, err := exec.LookPath("cpio")
	if err != nil {
		t.Skip(err)
	}
	data := archive([]file{{"init", []byte("#!x")}, {"modules", nil}, {"modules/0-a.ko", []byte("12345")}})
	cmd := exec.Command(cpio, "-itv")
	cmd.Stdin = bytes.NewReader(data)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"-rwxr-xr-x", " init\n", "drwxr-xr-x", " modules\n", " 5 ", " modules/0-a.ko\n"} {
		if !bytes.Contains(out, []byte(want)) {
			t.Errorf("want %q in:\n%s", want, out)
		}
	}
}

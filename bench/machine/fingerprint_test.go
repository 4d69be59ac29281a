package machine

import (
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

func TestAFingerprintSaysWhatThisMachineIs(t *testing.T) {
	f := TakeFingerprint()
	if f.CPUs != runtime.NumCPU() || !strings.HasPrefix(f.Kernel, "Linux ") || f.Memory < 64<<20 || f.Nodes < 1 || f.CPUsPerCore < 1 {
		t.Errorf("got %+v", f)
	}
	if d := f.Differences(TakeFingerprint()); len(d) > 0 {
		t.Errorf("a machine differs from itself: %q", d)
	}
	if v := Versions(t.Context()); v["Go"] != runtime.Version() {
		t.Errorf("got versions %v", v)
	}
	if self, err := os.Executable(); err != nil || !strings.HasPrefix(Build(self), runtime.Version()+" ") || Build("/proc/version") != "" {
		t.Errorf("this test was built with %q, %v", Build(self), err)
	}
}

func TestWhatTwoMachinesDifferIn(t *testing.T) {
	a := Fingerprint{CPU: "X", CPUs: 2, BIOS: "Z 1", Kernel: "Linux 6.1", Memory: 4 << 30, Mitigations: map[string]string{"mds": "Vulnerable", "l1tf": "Mitigation: PTI"}}
	b := a
	b.Memory += 1 << 20
	b.BIOS = "" // not asked
	if d := a.Differences(b); len(d) > 0 {
		t.Errorf("got %q", d)
	}
	b = Fingerprint{CPU: "Y", CPUs: 2, Kernel: "Linux 6.1", Memory: 8 << 30, Governor: "powersave", BIOS: "Z 2", Boot: []string{"isolcpus=1"}, Mitigations: map[string]string{"mds": "Mitigation: Clear CPU buffers", "l1tf": "Mitigation: PTI"}}
	want := []string{
		"CPU: X and Y", "BIOS: Z 1 and Z 2", "governor: none and powersave", "boot parameters: [] and [isolcpus=1]",
		"mitigation of mds: Vulnerable and Mitigation: Clear CPU buffers", "memory: 4096 MiB and 8192 MiB",
	}
	if d := a.Differences(b); !reflect.DeepEqual(d, want) {
		t.Errorf("got %q\nwant %q", d, want)
	}
	if d := (Fingerprint{}).Differences(Fingerprint{Mitigations: map[string]string{"mds": "Vulnerable"}}); len(d) != 1 {
		t.Errorf("got %q", d)
	}
}

// A boot command line may have keys and addresses in it that are nobody's business.
func TestBootParametersAreThoseAboutTheMachine(t *testing.T) {
	got := bootParameters("BOOT_IMAGE=/vmlinuz root=UUID=1 ip=192.0.2.1 isolcpus=1-3 nohz_full=1 hugepagesz=1G hugepages=4 token=secret mitigations=off")
	if want := []string{"isolcpus=1-3", "nohz_full=1", "hugepagesz=1G", "hugepages=4", "mitigations=off"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWhatTheKernelSaysIsRead(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"l1tf": "Not affected\n", "mds": "Mitigation: Clear CPU buffers; SMT vulnerable\n", "bios_vendor": "SeaBIOS\n", "bios_version": "1.16\n", "board_vendor": "SeaBIOS\n", "os": "A=b\nPRETTY_NAME=\"Debian\"\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if m := mitigations(dir); m["mds"] != "Mitigation: Clear CPU buffers; SMT vulnerable" || m["l1tf"] != "" {
		t.Errorf("got %q", m)
	}
	if got := field(filepath.Join(dir, "os"), "PRETTY_NAME", "="); got != `"Debian"` {
		t.Errorf("got %s", got)
	}
	if got := told(dir, "bios_vendor", "bios_version", "bios_date", "board_vendor"); got != "SeaBIOS, 1.16" {
		t.Errorf("the firmware says %q", got)
	}
	if got := chosen("always [madvise] never"); got != "madvise" {
		t.Errorf("got %q", got)
	}
	if got := line(filepath.Join(dir, "none")); got != "" {
		t.Errorf("a file that is not there says %q", got)
	}
}

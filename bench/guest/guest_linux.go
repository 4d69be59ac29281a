package guest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/culvertdev/culvert/bench/console"
	"github.com/culvertdev/culvert/bench/guest/inside"
)

// Link is what a guest calls its network device.
const Link = "eth0"

// Options say how a guest runs.
type Options struct {
	Dir    string // a folder of its own for its files; it is made
	Socket string // path of the vhost-user socket
	// Client: QEMU connects to the switch's socket, again and again; else it owns the socket, and starts when the
	// switch has connected.
	Client bool
	MAC    net.HardwareAddr
	// Device are properties of the device, such as packed=on or mrg_rxbuf=off ("qemu -device virtio-net-pci,help").
	Device []string
	// IOMMU: the machine has one, and the guest's kernel has the device see only what is mapped for it.
	IOMMU  bool
	Memory int // MiB; 0 means 256
	Queues int // queue pairs; 0 means 1
	// Tunnels: the kernel has its modules for tunnels and VLANs.
	Tunnels bool
	// Spawn starts QEMU, in a network namespace perhaps; nil: (*exec.Cmd).Start.
	Spawn func(*exec.Cmd) error
}

// A Guest is a running machine. Stop or Kill ends it.
type Guest struct {
	*Host
	*console.Console
	line    *line  // the Host's
	monitor string // path of the socket on which QEMU takes commands
}

// Start builds what the guest boots, starts it and waits until it answers. The context bounds the start.
func Start(ctx context.Context, o Options) (*Guest, error) {
	g, err := start(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("start guest: %w", err)
	}
	return g, nil
}

func start(ctx context.Context, o Options) (*Guest, error) {
	c, err := o.run()
	if err != nil {
		return nil, err
	}
	g := &Guest{Console: c, monitor: o.monitor()}
	if err := g.meet(ctx, o.line()); err != nil {
		_ = c.Kill() // what matters has been said
		return nil, err
	}
	return g, nil
}

// run builds what the guest boots and starts QEMU, with more arguments perhaps.
func (o Options) run(more ...string) (*console.Console, error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	k, err := kernel()
	if err != nil {
		return nil, err
	}
	program, err := initProgram()
	if err != nil {
		return nil, err
	}
	modules := k.modules
	if o.Tunnels {
		modules = append(modules, k.tunnels...)
	}
	first, err := initrd(program, modules)
	if err != nil {
		return nil, err
	}
	rd := filepath.Join(o.Dir, "initrd")
	if err := os.WriteFile(rd, first, 0o600); err != nil {
		return nil, err
	}
	return console.Start(exec.Command(qemu, append(o.args(k, rd), more...)...), o.Spawn)
}

// meet waits until the guest answers calls.
func (g *Guest) meet(ctx context.Context, path string) error {
	if _, err := g.Expect(ctx, inside.Ready); err != nil {
		return err
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		return err
	}
	g.line = &line{in: conn, out: conn}
	g.Host = over(g.line)
	return nil
}

// line is the path of the socket of the guest's second serial line.
func (o Options) line() string { return filepath.Join(o.Dir, "line") }

// monitor is the path of the socket on which QEMU takes commands.
func (o Options) monitor() string { return filepath.Join(o.Dir, "monitor") }

func (o Options) args(k bootable, initrd string) []string {
	memory := o.Memory
	if memory == 0 {
		memory = 256
	}
	socket := "socket,id=net,path=" + o.Socket + ",server=on"
	if o.Client {
		socket = "socket,id=net,path=" + o.Socket + ",server=off,reconnect=1"
	}
	// QEMU 7.2 without KVM ends by a signal when a vhost-user device has MSI-X vectors: it has none.
	device := append([]string{"virtio-net-pci,netdev=net0,vectors=0,mac=" + o.MAC.String()}, o.Device...)
	// no_timer_check: on a busy machine an emulated timer may tick too late for the kernel's check of it.
	line := "console=ttyS0 quiet panic=-1 no_timer_check"
	machine := []string{"-machine", "pc"}
	if o.IOMMU {
		// Strict: what the driver has done with is unmapped at once. ATS is what an IOMMU asks a device by.
		line += " intel_iommu=on iommu=nopt iommu.strict=1"
		machine = []string{"-machine", "q35", "-device", "intel-iommu,device-iotlb=on"}
		device = append(device, "iommu_platform=on", "ats=on", "disable-legacy=on")
	}
	netdev := "vhost-user,id=net0,chardev=net"
	if o.Queues > 1 {
		netdev += fmt.Sprint(",queues=", o.Queues)
		device = append(device, "mq=on")
		machine = append(machine, "-smp", fmt.Sprint(o.Queues)) // a driver gives each of its processors a pair
	}
	return append(machine,
		"-accel", "tcg", "-m", fmt.Sprint(memory), "-no-reboot", "-nodefaults", "-display", "none",
		"-kernel", k.image, "-initrd", initrd, "-append", line,
		"-serial", "stdio", // the console
		"-chardev", "socket,id=line,path="+o.line()+",server=on,wait=off", "-serial", "chardev:line",
		// vhost-user passes the guest's memory as a file.
		"-object", fmt.Sprintf("memory-backend-memfd,id=mem,size=%dM,share=on", memory), "-numa", "node,memdev=mem",
		"-qmp", "unix:"+o.monitor()+",server=on,wait=off",
		"-chardev", socket, "-netdev", netdev, "-device", strings.Join(device, ","),
	)
}

// Stop ends the guest as if its power were turned off, which QEMU does in good order.
func (g *Guest) Stop() error { return errors.Join(g.Host.Close(), g.Console.Stop("")) }

// Kill ends QEMU at once, as a crash would.
func (g *Guest) Kill() error { return errors.Join(g.Host.Close(), g.Console.Kill()) }

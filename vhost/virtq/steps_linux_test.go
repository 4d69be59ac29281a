//go:build !race

// The race detector makes ten instructions of one, and sees no memory of files.

package virtq_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/vhost/mem"
	"github.com/culvertdev/culvert/vhost/virtq"
)

const (
	stepped  = "CULVERT_TEST_STEPPED" // set for a process that is a device, to be watched: the number of its shape
	stepSize = 64 << 10               // bytes of its guest's memory, the region of what is in flight at the end
	stepRing = 16                     // entries
)

func init() {
	if os.Getenv(stepped) != "" {
		runtime.LockOSThread() // the thread that is watched is the process's first one
	}
}

func TestMain(m *testing.M) {
	if n, err := strconv.Atoi(os.Getenv(stepped)); err == nil {
		runStepped(n)
		return
	}
	os.Exit(m.Run())
}

// TestKilledAtEveryInstruction runs a device instruction by instruction, in a process of its own. As it leaves memory after
// each of them, were it killed there, another device finds it: every chain comes back to the guest once and in order.
func TestKilledAtEveryInstruction(t *testing.T) {
	for i, s := range shapes(stepRing) {
		if s.driver.EventIndex {
			continue // makes no difference to what is in flight
		}
		t.Run(s.name, func(t *testing.T) {
			seen := 0
			watch(t, i, func(memory []byte) {
				w := stepWorld(t, s, heap(t))
				l := ledgerBefore(w)
				copy(w.memory, memory)
				l.kill()
				l.reap()
				for range 2 * stepRing {
					l.take(3)
					l.device.Give(&l.chains, l.chains.Len())
					l.device.Publish()
					l.reap()
				}
				if l.back != l.sent {
					t.Fatalf("killed after change %d of memory: %d chains came back of %d", seen, l.back, l.sent)
				}
				seen++
			})
			if seen < 20 {
				t.Errorf("memory changed %d times only: the test has not tested much", seen)
			}
		})
	}
}

// stepWorld is a world whose device notes what is in flight at the end of the guest's memory.
func stepWorld(t testing.TB, s shape, m *mem.Mapping) *world {
	w := newWorldIn(t, s, m)
	n := virtq.InflightBytes(s.packed, s.driver.Size)
	w.config.Inflight = w.memory[stepSize-n:]
	w.config.Reads = s.driver.InOrder // then a whole batch goes back by one entry
	w.device = w.newDevice()
	return w
}

// ledgerBefore has the ring be used a while, always in the same way, until some chains wait and some were given back without
// the guest having seen it.
func ledgerBefore(w *world) *ledger {
	l := &ledger{world: w, random: rand.New(rand.NewPCG(5, 6))}
	for range 30 {
		l.add(3)
		l.take(1 + l.random.IntN(4))
		l.device.Give(&l.chains, l.random.IntN(l.chains.Len()+1))
		if l.random.IntN(3) == 0 {
			l.device.Publish()
			l.reap()
		}
	}
	l.add(stepRing)
	return l
}

// stepThrough is what is watched: chains are taken, given back and made as if they had not been taken, and shown.
func stepThrough(w *world) {
	for _, give := range []int{2, 1, 0, 3} {
		w.device.Take(&w.chains, 3)
		w.device.Give(&w.chains, min(give, w.chains.Len()))
		if give == 1 {
			w.device.Publish()
		}
	}
	w.device.Publish()
}

// runStepped is the process that is watched, with its guest's memory in descriptor 3. It stops before and after.
func runStepped(n int) {
	debug.SetGCPercent(-1)
	m, err := mem.Map(3, mem.Region{Guest: guestBase, User: userBase, Size: stepSize})
	if err != nil {
		panic(err)
	}
	w := stepWorld(new(testing.T), shapes(stepRing)[n], m)
	ledgerBefore(w)
	pid := os.Getpid()
	unix.Tgkill(pid, pid, unix.SIGSTOP)
	stepThrough(w)
	unix.Tgkill(pid, pid, unix.SIGSTOP)
}

func heap(t testing.TB) *mem.Mapping {
	m, err := mem.Heap(mem.Region{Guest: guestBase, User: userBase, Size: stepSize})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// watch runs the device of shape n and calls f with memory as it is at first and each time after it has changed.
func watch(t *testing.T, n int, f func(memory []byte)) {
	t.Helper()
	fd, err := unix.MemfdCreate("culvert-steps", unix.MFD_CLOEXEC)
	if err == nil {
		err = unix.Ftruncate(fd, stepSize)
	}
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "steps")
	defer file.Close()
	m, err := mem.Map(fd, mem.Region{Size: stepSize})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()

	runtime.LockOSThread() // who traces is a thread
	defer runtime.UnlockOSThread()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), stepped+"="+strconv.Itoa(n), "GODEBUG=asyncpreemptoff=1")
	c.Stderr, c.ExtraFiles = os.Stderr, []*os.File{file}
	c.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		t.Fatalf("start a process to watch: %v", err)
	}
	defer c.Wait()
	defer c.Process.Kill()
	pid := c.Process.Pid
	stopped(t, pid)
	for signal := syscall.Signal(0); signal != syscall.SIGSTOP; signal = stopped(t, pid) {
		must(t, syscall.PtraceCont(pid, passed(signal)))
	}
	var last []byte
	for signal := syscall.SIGSTOP; ; {
		if !bytes.Equal(last, m.Bytes()) {
			last = bytes.Clone(m.Bytes())
			f(last)
		}
		must(t, unix.PtraceSingleStep(pid))
		if signal = stopped(t, pid); signal == syscall.SIGSTOP {
			return
		}
	}
}

// passed returns the signal that a stopped process is to have when it goes on: none that stopped it for us.
func passed(s syscall.Signal) int {
	if s == syscall.SIGTRAP || s == syscall.SIGSTOP {
		return 0
	}
	return int(s)
}

// stopped waits until the process stops, and returns the signal for which it did.
func stopped(t *testing.T, pid int) syscall.Signal {
	t.Helper()
	var status syscall.WaitStatus
	for {
		_, err := syscall.Wait4(pid, &status, 0, nil)
		if err == syscall.EINTR {
			continue
		}
		must(t, err)
		break
	}
	if !status.Stopped() {
		t.Fatalf("the process ended: %#x", status)
	}
	return status.StopSignal()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

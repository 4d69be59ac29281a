package openflow

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// SetQueue chooses the queue of the ports that the packet goes out of later. Ports have no queues here,
// as in OVS's userspace datapath where no QoS is configured: it has no effect.
type SetQueue struct {
	Queue uint32
}

// PopQueue undoes SetQueue.
type PopQueue struct{}

// Enqueue sends the packet out of a port by one of its queues, as SetQueue, Output and PopQueue.
type Enqueue struct {
	Port  uint32
	Queue uint32
}

func (a *SetQueue) appendText(b []byte) []byte { return fmt.Appendf(b, "set_queue:%d", a.Queue) }
func (*PopQueue) appendText(b []byte) []byte   { return append(b, "pop_queue"...) }

func (a *Enqueue) appendText(b []byte) []byte {
	return fmt.Appendf(flow.AppendPort(append(b, "enqueue:"...), a.Port, nil), ":%d", a.Queue)
}

func parseSetQueue(arg argument) (Action, error) {
	queue, err := parse32(arg.text)
	return &SetQueue{Queue: queue}, err
}

func parsePopQueue(arg argument) (Action, error) { return &PopQueue{}, arg.none() }

// parseEnqueue reads the argument of enqueue: port:queue or port,queue.
func parseEnqueue(arg argument) (Action, error) {
	i := strings.LastIndexAny(arg.text, ":,")
	if i < 0 {
		return nil, fmt.Errorf("want port:queue, found %q", arg.text)
	}
	name := strings.TrimSpace(arg.text[:i])
	port, err := flow.ParsePort(name, arg.ports)
	if err != nil || port != PortInPort && port != PortLocal && (port == 0 || port > PortMax) {
		return nil, fmt.Errorf("want a port number of 1 to %d, a port name, in_port or local, found %q", PortMax, name)
	}
	queue, err := parse32(strings.TrimSpace(arg.text[i+1:]))
	return &Enqueue{Port: port, Queue: queue}, err
}

func parse32(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 0, 32)
	if err != nil {
		return 0, fmt.Errorf("want a number of up to 32 bits, found %q", s)
	}
	return uint32(n), nil
}

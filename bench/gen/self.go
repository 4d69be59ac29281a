package gen

import (
	"context"
	"fmt"
	"time"

	"github.com/culvertdev/culvert/bench/gen/port"
)

// selfPorts are what ends of the link are called by which a generator measures itself.
var selfPorts = [2]string{"self-0", "self-1"}

// Self measures the generator back to back, over a link in memory: the job's first stream, at its rate, on its CPUs.
// What comes out is what generator and sink can do at most: ports have their cost, too. Whoever measures a switch
// measures this first, and gives what was received each second to the job as its Ceiling.
func (g *Generator) Self(ctx context.Context, j Job) (res *Result, err error) {
	if len(j.Streams) == 0 {
		j.Streams = make([]Stream, 1)
	}
	s := j.Streams[0]
	if s.Capture != nil {
		return nil, fmt.Errorf("measure back to back: want a stream of frames that are made")
	}
	s.From, s.To = selfPorts[0], selfPorts[1]
	j.Streams = []Stream{s}
	j.Ceiling = 0
	if j.Time == 0 {
		j.Time = Duration(time.Second)
	}
	for _, name := range selfPorts {
		if err := g.Open(ctx, port.Spec{Name: name, Type: "memory", Options: map[string]string{
			"link": "self", "mtu": "65535", "ring-size": "1024",
		}}); err != nil {
			return nil, err
		}
		defer func() {
			if closed := g.Set.Close(name); err == nil {
				err = closed
			}
		}()
	}
	return g.Run(ctx, j, nil)
}

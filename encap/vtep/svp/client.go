// Package svp is a look-up and an invalidation by SVP version 1, the protocol that illumos' varpd speaks with
// a server that knows where guests are (libvarpd_svp_prot.h there describes it): requests for a MAC (VL2) and
// for an address (VL3), a log of what has changed since (LOG_REQ, LOG_RM), and SHOOTDOWN between hosts. Bulk
// requests are not used: what their answer looks like was never said.
//
// Numbers are big-endian on the wire.
package svp

import (
	"fmt"
	"sync/atomic"

	"github.com/culvertdev/culvert/encap/vtep"
)

// A Client is the look-up.
type Client struct {
	sink vtep.Sink
	pool *pool

	refused atomic.Uint64
	wrong   atomic.Uint64
}

// NewClient returns a look-up by the server given as host or host:port (DefaultPort without). A name that has
// several addresses is several servers, asked in turn.
func NewClient(server string) (*Client, error) {
	c := &Client{}
	var err error
	c.pool, err = newPool(server, func() { c.sink.Recovered() })
	return c, err
}

// Start implements vtep.Resolver. The first Tick connects.
func (c *Client) Start(s vtep.Sink) error { c.sink = s; return nil }

// Tick implements vtep.Ager.
func (c *Client) Tick(now int64) { c.pool.tick(now) }

// Close implements vtep.Resolver.
func (c *Client) Close() error {
	c.pool.close()
	return nil
}

// Ask implements vtep.Resolver. The protocol knows nothing of broadcast and multicast: they go to nobody.
func (c *Client) Ask(q vtep.Question) error {
	done := func(m message, err error) {
		if err == nil {
			c.answer(q, m)
		}
	}
	switch q.Kind {
	case vtep.ByMAC:
		return c.pool.send(opVL2Req, guestBody(q.MAC(), q.VNI), done)
	case vtep.ByIP:
		return c.pool.send(opVL3Req, vl3Body(q.IP(), q.VNI), done)
	}
	c.sink.Answer(q, vtep.Answer{})
	return nil
}

// answer takes the server's answer to q.
func (c *Client) answer(q vtep.Question, m message) {
	want := opVL2Ack
	if q.Kind == vtep.ByIP {
		want = opVL3Ack
	}
	a, err := readAck(m)
	switch {
	case err != nil || m.op != want:
		c.wrong.Add(1)
	case a.status == statusNotFound:
		c.sink.Answer(q, vtep.Answer{})
	case a.status != statusOK:
		c.refused.Add(1) // and asked again
	default:
		to := vtep.Answer{Ends: []vtep.End{{Addr: a.addr, Port: a.port, Key: q.VNI}}}
		if q.Kind == vtep.ByIP {
			c.sink.Answer(vtep.ForMAC(q.VNI, a.mac), to) // it will be asked for next
			to.MAC = a.mac
		}
		c.sink.Answer(q, to)
	}
}

// Status implements vtep.Resolver.
func (c *Client) Status() vtep.Status {
	s := c.pool.status("vtep_svp")
	s.Samples = append(s.Samples,
		event("vtep_svp_refused", "Requests that an SVP server could not answer.", c.refused.Load()),
		event("vtep_svp_wrong", "Answers of an SVP server that are none to what was asked.", c.wrong.Load()))
	return s
}

// status says how the connections are. Counters begin with the prefix given.
func (p *pool) status(prefix string) vtep.Status {
	up, of, err := p.connected()
	s := vtep.Status{Up: up > 0, Text: fmt.Sprintf("%s, %d of %d servers", p.host, up, of)}
	if up < of || of == 0 {
		s.Text += fmt.Sprintf(", %v", err)
	}
	p.mu.Lock()
	t := p.tally
	p.mu.Unlock()
	s.Samples = append(s.Samples,
		event(prefix+"_connected", "Times that an SVP server was connected to.", t.connected),
		event(prefix+"_late", "Connections given up since an SVP server did not answer.", t.late),
		event(prefix+"_unasked", "Answers of an SVP server to what it was not asked, which end the connection.", t.wrong))
	return s
}

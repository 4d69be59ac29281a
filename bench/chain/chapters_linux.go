package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/culvertdev/culvert/bench/story"
	"github.com/culvertdev/culvert/bench/traffic"
)

// patience is how long an answer may take.
const patience = 5 * time.Second

// connections is how many are opened by each protocol.
const connections = 60

// dial opens a connection from the client to the service.
func (n *network) dial(protocol string, port int) (c net.Conn, err error) {
	err = n.client().Do(func() error {
		d := net.Dialer{Timeout: patience}
		c, err = d.Dial(protocol, net.JoinHostPort(vip, strconv.Itoa(port)))
		return err
	})
	return c, err
}

// ask sends a line and returns who answers and whom it sees.
func ask(c net.Conn) (server, client string, err error) {
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return "", "", err
	}
	if _, err := fmt.Fprintln(c, "who is there?"); err != nil {
		return "", "", err
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	server, client, _ = strings.Cut(strings.TrimSpace(line), " ")
	return server, client, err
}

// balance opens many connections and looks who answers.
func (n *network) balance(_ context.Context, s *story.Story) error {
	s.Begin("One service, three servers")
	for _, protocol := range []string{"tcp4", "udp4"} {
		by := make(map[string]int)
		for range connections {
			c, err := n.dial(protocol, talkPort)
			if err != nil {
				return err
			}
			server, client, err := ask(c)
			c.Close()
			if err != nil {
				return fmt.Errorf("%s to the service: %w", protocol, err)
			}
			if client != outer {
				s.Check(false, "%s sees a client %s, want %s", server, client, outer)
			}
			by[server]++
		}
		s.Check(by["s1"] > 0 && by["s2"] > 0 && by["s3"] > 0, "%d connections by %s to %s: %d to s1, %d to s2, %d to s3; to all the client is %s",
			connections, protocol[:3], vip, by["s1"], by["s2"], by["s3"], outer)
	}
	return nil
}

// speed sends over one connection for some time.
func (n *network) speed(ctx context.Context, s *story.Story, d time.Duration) error {
	s.Begin("TCP through the chain")
	s.Tell("Each packet passes the switch three times and both functions; the server compares every byte.")
	c, err := n.dial("tcp4", bulkPort)
	if err != nil {
		return err
	}
	defer c.Close()
	_, again, err := traffic.Send(ctx, c.(*net.TCPConn), d)
	if err != nil {
		return err
	}
	select {
	case r := <-n.done:
		r.transfer.Retransmits = again
		s.Check(r.err == nil, "client to %s  %s", r.by, r.transfer)
		return r.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// restart kills both functions under a connection, which does not notice: neither remembers anything.
func (n *network) restart(ctx context.Context, s *story.Story) error {
	s.Begin("Both functions are killed and started again")
	c, err := n.dial("tcp4", talkPort)
	if err != nil {
		return err
	}
	defer c.Close()
	before, _, err := ask(c)
	if err != nil {
		return err
	}
	s.Show("kill -9 nat lb", "")
	stop(n.nat, syscall.SIGKILL)
	stop(n.lb, syscall.SIGKILL)
	if err := n.startFunctions(s); err != nil {
		return err
	}
	start := time.Now()
	if _, err := n.daemon.WaitOpen(ctx); err != nil {
		return err
	}
	after, _, err := ask(c)
	s.Check(err == nil && before == after, "a connection with %s, opened before, goes on with %s, %d ms after", before, after, time.Since(start).Milliseconds())
	return err
}

// counters shows what the rules have counted.
func (n *network) counters(ctx context.Context, s *story.Story) error {
	s.Begin("Counters")
	for _, args := range [][]string{{"port", "list"}, {"flow", "dump", "br0"}} {
		out, err := n.daemon.Command(ctx, args...)
		if err != nil {
			return err
		}
		s.Show("culvert "+strings.Join(args, " "), out)
	}
	return nil
}

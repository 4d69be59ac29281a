package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"

	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/traffic"
)

// Ports of the service.
const (
	talkPort = 8080 // TCP and UDP: says who answers, and whom it sees
	bulkPort = 8081 // TCP: takes what comes
)

// A service is what a server offers.
type service struct {
	name string
	tcp  *net.TCPListener
	udp  *net.UDPConn
	bulk *net.TCPListener
	done chan<- received // one for each connection to bulkPort
}

// A received is what came by a connection to bulkPort.
type received struct {
	by       string
	transfer traffic.Transfer
	err      error
}

// serve starts a host's service, which tells done what came to bulkPort.
func serve(h *lab.Host, done chan<- received) (s *service, err error) {
	s = &service{name: h.Name(), done: done}
	err = h.Do(func() (err error) {
		if s.tcp, err = net.ListenTCP("tcp4", &net.TCPAddr{Port: talkPort}); err != nil {
			return err
		}
		if s.bulk, err = net.ListenTCP("tcp4", &net.TCPAddr{Port: bulkPort}); err != nil {
			return err
		}
		s.udp, err = net.ListenUDP("udp4", &net.UDPAddr{Port: talkPort})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("service of %s: %w", h.Name(), errors.Join(err, s.close()))
	}
	go each(s.tcp, s.talk)
	go each(s.bulk, s.take)
	go s.answer()
	return s, nil
}

// each hands connections to handle until the listener is closed.
func each(l *net.TCPListener, handle func(*net.TCPConn)) {
	for {
		c, err := l.AcceptTCP()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			handle(c)
		}()
	}
}

// talk answers each line.
func (s *service) talk(c *net.TCPConn) {
	host, _, err := net.SplitHostPort(c.RemoteAddr().String())
	if err != nil {
		return
	}
	for lines := bufio.NewScanner(c); lines.Scan(); {
		if _, err := fmt.Fprintf(c, "%s %s\n", s.name, host); err != nil {
			return
		}
	}
}

// answer answers datagrams.
func (s *service) answer() {
	var b [64]byte
	for {
		_, from, err := s.udp.ReadFromUDP(b[:])
		if err != nil {
			return
		}
		if _, err := s.udp.WriteToUDP(fmt.Appendf(nil, "%s %s\n", s.name, from.IP), from); err != nil {
			return
		}
	}
}

// take receives and compares every byte.
func (s *service) take(c *net.TCPConn) {
	t, err := traffic.Receive(c)
	s.done <- received{s.name, t, err}
}

func (s *service) close() error {
	var err error
	for _, l := range []*net.TCPListener{s.tcp, s.bulk} {
		if l != nil {
			err = errors.Join(err, l.Close())
		}
	}
	if s.udp != nil {
		err = errors.Join(err, s.udp.Close())
	}
	return err
}

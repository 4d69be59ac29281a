// Vtep is a look-up plug-in without a directory: the Ethernet addresses of its guests say where they are.
// 02:05:c0:00:02:01 is guest 5 of the host c0.00.02.01, which is 192.0.2.1.
//
//	vtep -socket /run/culvert/vtep.sock -hosts 192.0.2.1,192.0.2.2
//
// It speaks docs/vtep.md's protocol with nothing but the standard library, as a plug-in in any language would.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"net/netip"
	"os"
	"strings"
)

// A message is what of the protocol's messages is used here.
type message struct {
	Type    string `json:"type"`
	Version int    `json:"version,omitempty"`
	Name    string `json:"name,omitempty"`
	VNI     uint32 `json:"vni,omitempty"`
	MAC     string `json:"mac,omitempty"`
	IP      string `json:"ip,omitempty"`
	Flood   bool   `json:"flood,omitempty"`
	Ends    []end  `json:"ends,omitempty"`
}

type end struct {
	Addr string `json:"addr"`
}

func main() {
	socket := flag.String("socket", "/run/culvert/vtep.sock", "where the switch connects to")
	hosts := flag.String("hosts", "", "addresses of all hosts, separated by commas")
	flag.Parse()
	_ = os.Remove(*socket) // what a plug-in before this one has left
	l, err := net.Listen("unix", *socket)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(serve(l, strings.Split(*hosts, ",")))
}

// serve speaks with each switch that connects, until the socket fails.
func serve(l net.Listener, hosts []string) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			if err := speak(c, hosts); err != nil {
				log.Print(err)
			}
		}()
	}
}

// speak answers what a switch asks until it goes.
func speak(c net.Conn, hosts []string) error {
	lines := bufio.NewScanner(c)
	lines.Buffer(nil, 64<<10) // the most that a message has
	out := json.NewEncoder(c) // one object, one line
	for lines.Scan() {
		var m message
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			return err
		}
		var err error
		switch m.Type {
		case "hello":
			if m.Version != 1 {
				return fmt.Errorf("the switch speaks version %d", m.Version)
			}
			err = out.Encode(message{Type: "hello", Version: 1, Name: "vtep example"})
		case "ping":
			err = out.Encode(message{Type: "pong"})
		case "ask":
			m.Type = "answer"
			m.Ends = find(m, hosts)
			err = out.Encode(m)
		} // all else is for plug-ins that want to know
		if err != nil {
			return err
		}
	}
	return lines.Err()
}

// find returns where what is asked for is: nothing if that is not known.
func find(m message, hosts []string) (list []end) {
	if m.Flood {
		for _, h := range hosts {
			list = append(list, end{h})
		}
		return list
	}
	mac, err := net.ParseMAC(m.MAC)
	if err != nil || len(mac) != 6 || mac[0] != 2 {
		return nil // an address is asked for, or a guest of somebody else's
	}
	return []end{{netip.AddrFrom4([4]byte(mac[2:])).String()}}
}

//go:build integration

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/culvertdev/culvert/encap/vtep/vteptest"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// An etcd is one of Debian's, on loopback, with its data in a folder that goes with the test.
type etcd struct {
	t              *testing.T
	dir            string
	clients, peers string // addresses
	process        *exec.Cmd
	ended          chan struct{}
}

func startEtcd(t *testing.T) *etcd {
	t.Helper()
	if _, err := exec.LookPath("etcd"); err != nil {
		t.Skip("there is no etcd: ", err)
	}
	e := &etcd{t: t, dir: t.TempDir()}
	// Somebody else may take a port between our looking and etcd's listening.
	for range 5 {
		e.clients, e.peers = freeAddress(t), freeAddress(t)
		if e.start() {
			t.Cleanup(e.stop)
			return e
		}
	}
	t.Fatal("etcd does not start")
	return nil
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// start starts the process and reports whether it answers.
func (e *etcd) start() bool {
	e.t.Helper()
	log, err := os.Create(filepath.Join(e.dir, "log"))
	if err != nil {
		e.t.Fatal(err)
	}
	defer log.Close()
	e.process = exec.Command("etcd", "--name", "one", "--data-dir", filepath.Join(e.dir, "data"),
		"--listen-client-urls", "http://"+e.clients, "--advertise-client-urls", "http://"+e.clients,
		"--listen-peer-urls", "http://"+e.peers, "--initial-advertise-peer-urls", "http://"+e.peers,
		"--initial-cluster", "one=http://"+e.peers)
	e.process.Stdout, e.process.Stderr = log, log
	if err := e.process.Start(); err != nil {
		e.t.Fatal(err)
	}
	ended := make(chan struct{})
	process := e.process
	go func() {
		_ = process.Wait() // it is killed
		close(ended)
	}()
	e.ended = ended
	for deadline := time.Now().Add(vteptest.Patience); time.Now().Before(deadline); {
		select {
		case <-ended:
			return false
		case <-time.After(50 * time.Millisecond):
		}
		if c, err := net.Dial("tcp", e.clients); err == nil {
			_ = c.Close()
			return true
		}
	}
	e.stop()
	return false
}

// stop kills the process and waits for its end.
func (e *etcd) stop() {
	_ = e.process.Process.Kill() // it may have ended
	<-e.ended
}

// wipe deletes what a stopped etcd has kept.
func (e *etcd) wipe() {
	e.t.Helper()
	if err := os.RemoveAll(filepath.Join(e.dir, "data")); err != nil {
		e.t.Fatal(err)
	}
}

// client returns a client of the test's own.
func (e *etcd) client() *clientv3.Client {
	e.t.Helper()
	o := options{endpoints: e.clients}
	config, err := o.config()
	if err != nil {
		e.t.Fatal(err)
	}
	c, err := clientv3.New(config)
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { c.Close() })
	return c
}

// put sets a key.
func (e *etcd) put(key, text string) {
	e.t.Helper()
	if _, err := e.client().Put(e.t.Context(), key, text); err != nil {
		e.t.Fatal(fmt.Errorf("put %s: %w", key, err))
	}
}

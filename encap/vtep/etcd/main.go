// Culvert-vtep-etcd is a look-up plug-in that keeps in etcd which guest is behind which host, so that many
// hosts share one mapping:
//
//	culvert-vtep-etcd --socket /run/culvert/vtep-etcd.sock --endpoints 192.0.2.10:2379,192.0.2.11:2379
//
// It is a process and a Go module of its own, so that the switch does not carry etcd's client. The switch
// connects to its socket (docs/vtep.md); what the switch announces goes into etcd under a lease, so that
// the guests of a host that has died go, and what others announce is followed by a watch.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/culvertdev/culvert/encap/vtep"
	"github.com/culvertdev/culvert/encap/vtep/plugin"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// options are those of the command line.
type options struct {
	socket, endpoints, prefix string
	user, passwordFile        string
	cert, key, ca             string
	lease                     time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.socket, "socket", "/run/culvert/vtep-etcd.sock", "unix `path` that the switch connects to")
	flag.StringVar(&o.endpoints, "endpoints", "127.0.0.1:2379", "etcd's `addresses`, separated by commas")
	flag.StringVar(&o.prefix, "prefix", "/culvert/vtep/", "what all keys in etcd begin with")
	flag.DurationVar(&o.lease, "lease", 10*time.Second, "how long the guests of a host that has died stay; at least 2s")
	flag.StringVar(&o.user, "user", "", "etcd user")
	flag.StringVar(&o.passwordFile, "password-file", "", "`file` with the user's password")
	flag.StringVar(&o.cert, "cert", "", "`file` with this client's certificate, for TLS")
	flag.StringVar(&o.key, "key", "", "`file` with its key")
	flag.StringVar(&o.ca, "ca", "", "`file` with the certificates that sign etcd's")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "culvert-vtep-etcd:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	switch {
	case flag.NArg() > 0:
		return fmt.Errorf("want no arguments, found %q", flag.Args())
	case o.lease < 2*time.Second:
		return errors.New("--lease: want at least 2s")
	}
	config, err := o.config()
	if err != nil {
		return err
	}
	client, err := clientv3.New(config)
	if err != nil {
		return err
	}
	defer client.Close()
	l, err := plugin.Listen(o.socket)
	if err != nil {
		return err
	}
	d := newDirectory(client, keys{prefix: o.prefix}, slog.Default())
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.follow(ctx)
	}()
	err = plugin.Serve(ctx, l, "etcd", func([]netip.Addr) (vtep.Resolver, error) { return newSession(d, o.lease), nil })
	cancel()
	<-done
	return err
}

// config returns how to reach etcd.
func (o *options) config() (clientv3.Config, error) {
	c := clientv3.Config{
		Endpoints:            strings.Split(o.endpoints, ","),
		DialTimeout:          callTime,
		DialKeepAliveTime:    10 * time.Second,
		DialKeepAliveTimeout: 5 * time.Second,
		Username:             o.user,
		Logger:               zap.NewNop(), // what fails is in the plug-in's status
	}
	if o.passwordFile != "" {
		text, err := os.ReadFile(o.passwordFile)
		if err != nil {
			return c, err
		}
		c.Password = strings.TrimSpace(string(text))
	}
	if o.cert == "" && o.ca == "" {
		return c, nil
	}
	var err error
	c.TLS, err = tlsConfig(o.cert, o.key, o.ca)
	return c, err
}

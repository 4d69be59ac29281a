package demo

import (
	"errors"
	"slices"
	"strings"

	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/story"
)

// close ends all that build has started and looks whether anything is left, telling about it when told.
func (n *overlayNet) close(s *story.Story, tell bool) error {
	if tell {
		s.Begin("End")
	}
	c := newChecks(s, tell)
	for _, h := range n.hosts {
		if h.daemon != nil {
			err := h.daemon.Stop()
			c.note(err == nil, "the daemon of %s ended on SIGTERM%s", h.name, orErr(err, ", every frame back in its arena"))
		}
	}
	err := n.stopChildren()
	c.note(err == nil, "plug-ins and etcd ended on SIGTERM%s", orErr(err, ""))
	left, err := n.leave()
	c.note(err == nil && left == nil, "links and namespaces are gone, no process is left in them%s", orErr(err, strings.Join(left, ", ")))
	if n.scratch != nil {
		c.gone(n.scratch)
	}
	return c.err()
}

func (n *overlayNet) stopChildren() error {
	var errs []error
	for _, h := range n.hosts {
		if h.plugin != nil {
			errs = append(errs, h.plugin.stop())
		}
	}
	if n.etcd != nil {
		errs = append(errs, n.etcd.stop())
	}
	return errors.Join(errs...)
}

// leave removes links and leaves the namespaces. It returns what is left of them.
func (n *overlayNet) leave() (left []string, err error) {
	var all []*lab.Namespace
	for _, h := range n.hosts {
		all = append(all, h.Namespace)
	}
	if n.directory != nil {
		all = append(all, n.directory)
	}
	for _, c := range n.containers {
		all = append(all, c.Namespace)
	}
	held, err := lab.HoldAll(all)
	errs := []error{err}
	for _, ns := range all {
		errs = append(errs, ns.DelLinks())
	}
	slices.Reverse(all)
	for _, ns := range all {
		errs = append(errs, ns.Close())
	}
	return lab.Left(held), errors.Join(errs...)
}

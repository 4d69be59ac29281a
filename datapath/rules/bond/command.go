package bond

import (
	"errors"
	"fmt"
)

// Errors of the commands, for errors.Is.
var (
	ErrNoMember = errors.New("the bond has no such member")
	ErrDisabled = errors.New("the member is disabled")
)

func (b *Bond) named(name string) (*member, error) {
	for _, m := range b.members {
		if m.Name == name {
			return m, nil
		}
	}
	return nil, fmt.Errorf("bond %s: %s: %w", b.cfg.Name, name, ErrNoMember)
}

// SetActive makes a member the active one, until it fails or the configuration has a primary one that comes. With LACP or
// a primary member in the way it does not stay.
func (b *Bond) SetActive(name string, ch *Changes) error {
	m, err := b.named(name)
	if err != nil {
		return err
	}
	if !m.enabled {
		return fmt.Errorf("bond %s: %s: %w", b.cfg.Name, name, ErrDisabled)
	}
	b.setActive(m, ch)
	return nil
}

// SetEnabled disables a member, whatever its link, until it is enabled again. One that is enabled does not wait for its
// updelay.
func (b *Bond) SetEnabled(name string, on bool, now int64, ch *Changes) error {
	m, err := b.named(name)
	if err != nil {
		return err
	}
	if !on {
		b.held[name] = true
	} else {
		delete(b.held, name)
		if b.mayEnable(m) {
			b.enable(m, true, ch)
		}
	}
	b.run(now, ch)
	return nil
}

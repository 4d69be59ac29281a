package storm

import (
	"errors"
	"testing"
	"time"
)

func try(t *testing.T, o Options) Result {
	t.Helper()
	r, err := Run(t.Context(), o)
	if errors.Is(err, ErrCPUs) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Log(r)
	return r
}

func TestStorm(t *testing.T) {
	for _, k := range []Kind{Tuples, MACs} {
		t.Run(k.String(), func(t *testing.T) {
			try(t, Options{Kind: k, Time: time.Second})
		})
	}
}

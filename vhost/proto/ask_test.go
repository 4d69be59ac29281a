package proto

import (
	"errors"
	"testing"
)

// serve answers what comes in on c by handle, until the connection ends.
func serve(c *Conn, handle func(*Message)) {
	go func() {
		for {
			m, err := c.Receive()
			if err != nil {
				return
			}
			handle(m)
			m.Close()
		}
	}()
}

func TestAsking(t *testing.T) {
	noLeak(t)
	front, back := conns(t, NewConn)
	fds := eventfds(t, 1)
	serve(back, func(m *Message) {
		switch m.Request {
		case GetFeatures:
			back.Reply(m, U64(Version1))
		case GetVringBase:
			back.Reply(m, VringState{Index: 1, Num: 42})
		case GetInflightFD:
			back.Reply(m, Inflight{Size: 4096, Queues: 2, QueueSize: 8}, fds...)
		}
	})
	if n, err := front.AskNumber(GetFeatures); err != nil || Features(n) != Version1 {
		t.Errorf("features %v, error %v", Features(n), err)
	}
	m, err := front.Ask(GetVringBase, VringState{Index: 1})
	if err != nil || m.Payload != (VringState{Index: 1, Num: 42}) {
		t.Errorf("base %v, error %v", m, err)
	}
	m, err = front.Ask(GetInflightFD, Inflight{Queues: 2, QueueSize: 8})
	if err != nil || m.Files() != 1 {
		t.Errorf("inflight %v, error %v", m, err)
	}
	m.Close()
}

func TestTellingWaitsForTheAnswerWithReplyAck(t *testing.T) {
	front, back := conns(t, NewConn)
	got := make(chan Request, 3)
	serve(back, func(m *Message) {
		got <- m.Request
		var err error
		if m.Request == NetSetMTU {
			err = errors.New("too large")
		}
		if err := back.Acknowledge(m, err); err != nil {
			t.Error(err)
		}
	})
	if err := front.Tell(SetOwner, nil); err != nil {
		t.Error(err)
	}
	front.SetAcks(true)
	if err := front.Tell(SetVringNum, VringState{Num: 8}); err != nil {
		t.Error(err)
	}
	if err := front.Tell(NetSetMTU, U64(1)); !errors.Is(err, ErrRefused) {
		t.Errorf("error %v, want %v", err, ErrRefused)
	}
	for _, want := range []Request{SetOwner, SetVringNum, NetSetMTU} {
		if r := <-got; r != want {
			t.Errorf("the back end has seen %s, want %s", r, want)
		}
	}
}

// TestMemoryOfTheLogIsAnswered: SET_LOG_BASE has a reply of its own when it hands memory over, with or without a
// payload, and none otherwise.
func TestMemoryOfTheLogIsAnswered(t *testing.T) {
	for name, answer := range map[string]Payload{"nothing": nil, "zero": U64(0)} {
		t.Run(name, func(t *testing.T) {
			front, back := conns(t, NewConn)
			serve(back, func(m *Message) {
				if m.HasReply() != (m.Files() == 1) {
					t.Errorf("%v has a reply: %v", m, m.HasReply())
				}
				if m.HasReply() {
					back.Reply(m, answer)
				}
			})
			if err := front.Tell(SetLogBase, Log{Size: 4096}, eventfds(t, 1)...); err != nil {
				t.Error(err)
			}
			if err := front.Tell(SetLogBase, U64(0)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRepliesToSomethingElseAreRefused(t *testing.T) {
	noLeak(t)
	for name, tc := range map[string]struct {
		answer []byte
		files  int
		want   error
	}{
		"another request":      {message(uint32(GetQueueNum), version|flagReply, make([]byte, 8)), 0, ErrNotTheReply},
		"a request":            {message(uint32(GetFeatures), version, nil), 0, ErrFlags},
		"four bytes":           {message(uint32(GetFeatures), version|flagReply, make([]byte, 4)), 0, ErrSize},
		"with a descriptor":    {message(uint32(GetFeatures), version|flagReply, make([]byte, 8)), 1, ErrFiles},
		"version 0":            {message(uint32(GetFeatures), flagReply, make([]byte, 8)), 0, ErrVersion},
		"longer than anything": {header{uint32(GetFeatures), version | flagReply, 1 << 30}.append(nil), 0, ErrTooLong},
	} {
		t.Run(name, func(t *testing.T) {
			raw, c := pair(t, NewConn)
			write(t, raw, tc.answer, eventfds(t, tc.files)...)
			if _, err := c.AskNumber(GetFeatures); !errors.Is(err, tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
}

func TestTheBackendsChannel(t *testing.T) {
	noLeak(t)
	front, fd, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer front.Close()
	back, err := BackendConnOf(fd, new(Bin))
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	back.SetAcks(true)
	serve(front, func(m *Message) { front.Acknowledge(m, nil) })
	if err := back.Tell(BackendConfigChange, nil); err != nil {
		t.Error(err)
	}
	if _, err := BackendConnOf(eventfds(t, 1)[0], new(Bin)); err == nil {
		t.Error("an eventfd is taken for a channel")
	}
}

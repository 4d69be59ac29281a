package console

import (
	"context"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// start starts a shell script with "> " for its prompt.
func start(t *testing.T, script string) (*Console, context.Context) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	c, err := Start(exec.Command("sh", "-c", script), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Kill() })
	return c, ctx
}

const talker = `printf '> '; while read line; do [ "$line" = quit ] && exit 0; echo "you said $line"; printf '> '; done`

func TestAProgramIsTalkedTo(t *testing.T) {
	c, ctx := start(t, talker)
	if _, err := c.Expect(ctx, "> "); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"one", "two"} {
		if err := c.Say(word); err != nil {
			t.Fatal(err)
		}
		got, err := c.Expect(ctx, "> ")
		if want := "you said " + word + "\n"; err != nil || got != want {
			t.Errorf("said %s: got %q, %v; want %q", word, got, err, want)
		}
	}
	if err := c.Stop("quit"); err != nil {
		t.Error(err)
	}
	if err := c.Stop("quit"); err != nil {
		t.Errorf("again: %v", err)
	}
}

func TestErrorsEndWithWhatTheProgramPrinted(t *testing.T) {
	c, ctx := start(t, "echo the reason >&2; exit 3")
	_, err := c.Expect(ctx, "> ")
	if err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "the reason") {
		t.Errorf("a program that ended: got %v", err)
	}
	if err := c.Stop(""); err == nil || !strings.Contains(err.Error(), "the reason") {
		t.Errorf("stopped: got %v, want the exit status and the reason", err)
	}

	c, _ = start(t, talker)
	soon, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Expect(soon, "never said"); err == nil || !strings.Contains(err.Error(), "never said") {
		t.Errorf("a text that does not come: got %v", err)
	}
}

func TestAProgramWithNothingToSayIsTerminated(t *testing.T) {
	c, _ := start(t, "exec sleep 60")
	if err := c.Stop(""); err != nil {
		t.Error(err)
	}
	c, _ = start(t, "exec sleep 60")
	if err := c.Kill(); err != nil {
		t.Error(err)
	}
}

func TestWhatIsToBeIgnoredMayStandInThePrompt(t *testing.T) {
	c, ctx := start(t, `printf 'pro'; printf '\nevent 1\n'; sleep 0.1; printf 'mpt'; printf '\nevent'; sleep 0.1; printf ' 2\n> '; read line; printf 'and prompt> '; read line`)
	c.Ignore(regexp.MustCompile(`\nevent [0-9]\n`))
	if got, err := c.Expect(ctx, "prompt> "); err != nil || got != "" {
		t.Fatalf("got %q, %v", got, err)
	}
	if err := c.Say("go on"); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Expect(ctx, "prompt> "); err != nil || got != "and " {
		t.Errorf("got %q, %v", got, err)
	}
}

package openflow

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// limitLine bounds a line of a file of flows, in bytes.
const limitLine = 1 << 20

// parseLines parses the lines of a file. Blank ones and what follows a # say nothing.
func parseLines[T any](r io.Reader, name string, parse func(string) (T, error)) ([]T, error) {
	var list []T
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, limitLine)
	line := 0
	for sc.Scan() {
		line++
		text, _, _ := strings.Cut(sc.Text(), "#")
		if strings.TrimSpace(text) == "" {
			continue
		}
		one, err := parse(text)
		if err != nil {
			var se *SyntaxError
			if errors.As(err, &se) {
				se.File, se.Line = name, line
			}
			return nil, err
		}
		list = append(list, one)
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("read flows: %s:%d: %w", name, line+1, err)
	}
	return list, nil
}

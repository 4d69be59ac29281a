package openflow

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// limitLine bounds a line of a file of flows, in bytes.
const limitLine = 1 << 20

// parseLines parses the lines of a file. Blank ones and what follows a # say nothing.
func parseLines[T any](r io.Reader, name string, parse func(string) (T, error)) ([]T, error) {
	all, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read flows: %s: %w", name, err)
	}
	text := string(all)
	// A flow takes more than a kilobyte: growing a list of many would cost more than reading them.
	list := make([]T, 0, 1+strings.Count(text, "\n"))
	line := 0
	for s := range strings.Lines(text) {
		line++
		if len(s) > limitLine {
			return nil, &SyntaxError{File: name, Line: line, Col: limitLine, Problem: fmt.Sprintf("want at most %d bytes in a line", limitLine)}
		}
		s, _, _ = strings.Cut(s, "#")
		if strings.TrimSpace(s) == "" {
			continue
		}
		one, err := parse(strings.TrimRight(s, "\r\n"))
		if err != nil {
			var se *SyntaxError
			if errors.As(err, &se) {
				se.File, se.Line = name, line
			}
			return nil, err
		}
		list = append(list, one)
	}
	return list, nil
}

package table

import (
	"bytes"
	"fmt"
)

// A word is one word of a line.
type word struct {
	text   string
	column int
}

// split appends the words of a line up to a comment to words.
func split(line []byte, words []word) []word {
	line, _, _ = bytes.Cut(line, []byte("#"))
	for at := 0; at < len(line); {
		n := bytes.IndexAny(line[at:], " \t\r\n")
		if n < 0 {
			n = len(line) - at
		}
		if n > 0 {
			words = append(words, word{string(line[at : at+n]), at + 1})
		}
		at += n + 1
	}
	return words
}

// A parser reads a table, line by line and word by word.
type parser struct {
	table   answers
	flooded map[uint32]bool // VNIs that say where they flood to
	guests  int             // so far
	line    int             // from 1
	words   []word          // of the line that are not used up
	last    word            // that was used up
}

// wrong returns an error about the word that was used up last.
func (p *parser) wrong(format string, args ...any) error {
	return &Error{p.line, p.last.column, fmt.Sprintf(format, args...)}
}

// take uses up the next word. At the end of the line it is empty.
func (p *parser) take() string {
	if len(p.words) == 0 {
		p.last = word{column: p.last.column + len(p.last.text)}
		return ""
	}
	p.last, p.words = p.words[0], p.words[1:]
	return p.last.text
}

// is uses up the next word if it is the one given.
func (p *parser) is(text string) bool {
	if len(p.words) == 0 || p.words[0].text != text {
		return false
	}
	p.take()
	return true
}

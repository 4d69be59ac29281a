package main

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// A table prints rows of cells in aligned columns. Columns whose title starts with ">" are aligned to
// the right. A row of one cell is a remark: it is printed below the row before, indented.
type table struct {
	titles []string
	rows   [][]string
}

func newTable(titles ...string) *table { return &table{titles: titles} }

func (t *table) row(cells ...any) {
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = fmt.Sprint(c)
		if row[i] == "" {
			row[i] = "-"
		}
	}
	t.rows = append(t.rows, row)
}

// remark adds a line below the last row.
func (t *table) remark(format string, args ...any) {
	t.rows = append(t.rows, []string{fmt.Sprintf(format, args...)})
}

// print writes the table; an empty one says what there is none of.
func (t *table) print(w io.Writer, none string) {
	if len(t.rows) == 0 {
		fmt.Fprintln(w, none)
		return
	}
	width, right := make([]int, len(t.titles)), make([]bool, len(t.titles))
	head := make([]string, len(t.titles))
	for i, title := range t.titles {
		head[i], right[i] = strings.CutPrefix(title, ">")
	}
	for _, row := range append([][]string{head}, t.rows...) {
		for i, c := range row {
			if len(row) > 1 {
				width[i] = max(width[i], utf8.RuneCountInString(c))
			}
		}
	}
	for _, row := range append([][]string{head}, t.rows...) {
		if len(row) == 1 {
			fmt.Fprintf(w, "    %s\n", row[0])
			continue
		}
		fmt.Fprintln(w, strings.TrimRight(line(row, width, right), " "))
	}
}

func line(row []string, width []int, right []bool) string {
	var b strings.Builder
	for i, c := range row {
		pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(c))
		if right[i] {
			b.WriteString(pad + c + "  ")
		} else {
			b.WriteString(c + pad + "  ")
		}
	}
	return b.String()
}

// size writes a number of bytes for people.
func size(bytes uint64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	v, u := float64(bytes), 0
	for v >= 1024 && u < len(units)-1 {
		v, u = v/1024, u+1
	}
	if u == 0 || v == float64(uint64(v)) {
		return fmt.Sprintf("%.0f %s", v, units[u])
	}
	return fmt.Sprintf("%.1f %s", v, units[u])
}

// seconds writes a time given in seconds for people.
func seconds(s float64) string {
	d := time.Duration(s * float64(time.Second))
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// percent writes part of a whole.
func percent(part, whole float64) string {
	if whole == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100*part/whole)
}

// Package columns prints tables as text, for the programs of this repository.
package columns

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// A Table aligns its first column left and the others right. The zero Table
// has no rows.
type Table struct {
	rows   [][]string
	widths []int
}

// Row adds a row. Each cell is printed as by [fmt.Sprint].
func (t *Table) Row(cells ...any) {
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = fmt.Sprint(c)
		if i == len(t.widths) {
			t.widths = append(t.widths, 0)
		}
		t.widths[i] = max(t.widths[i], utf8.RuneCountInString(row[i]))
	}
	t.rows = append(t.rows, row)
}

// String returns the rows as lines, with two spaces between columns and none
// at the end of a line.
func (t *Table) String() string {
	var b strings.Builder
	for _, row := range t.rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			width := t.widths[i]
			if i == 0 {
				width = -width // left
			}
			cells[i] = fmt.Sprintf("%*s", width, cell)
		}
		b.WriteString(strings.TrimRight(strings.Join(cells, "  "), " ") + "\n")
	}
	return b.String()
}

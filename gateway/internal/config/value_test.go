package config

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The lines of all tokens take one look at each byte: what was looked at does
// not count again, whatever it holds by then.
func TestLinesLooksOnce(t *testing.T) {
	data := []byte("one\ntwo\nthree\nfour")
	l := lines{rest: data}
	assert.Equal(t, 1, l.line(4), "a line's end is its last byte")
	assert.Equal(t, 2, l.line(5))
	copy(data, "\n\n\n\n")
	assert.Equal(t, 3, l.line(9))
	assert.Equal(t, 3, l.line(9))
	assert.Equal(t, 4, l.line(int64(len(data))))
	assert.Equal(t, 4, l.line(1000), "beyond the end is the last line")
	assert.Empty(t, l.rest)
}

// The bytes looked at for lines are as many as the document has, and not as
// many for each of its tokens.
func TestParsingIsLinear(t *testing.T) {
	for _, tokens := range []int{1, 1000, 100_000} {
		data := []byte("[" + strings.Repeat("1,\n", tokens) + "2]")
		r := reader{lines: lines{rest: data}, Decoder: json.NewDecoder(bytes.NewReader(data))}
		v, err := r.value()
		require.NoError(t, err)
		list, err := v.items()
		require.NoError(t, err)
		require.Len(t, list, tokens+1)
		assert.Equal(t, tokens+1, list[tokens].line)
		assert.InDelta(t, len(data), r.lines.start+int64(len(r.lines.rest)), 0, "it looked at each byte once")
		assert.InDelta(t, len(data), r.lines.start, 5, "all lines are from one pass")
	}
}

package columns

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTable(t *testing.T) {
	var b Table
	assert.Empty(t, b.String())
	b.Row("", "flows")
	b.Row("add pod4", 7, "µs")
	b.Row("drän", 12)
	want := "" +
		"          flows\n" +
		"add pod4      7  µs\n" +
		"drän         12\n"
	assert.Equal(t, want, b.String())
	assert.Equal(t, want, b.String(), "printing changes nothing")
}

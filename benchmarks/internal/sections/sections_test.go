package sections_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ecmp-go/ecmp/benchmarks/internal/sections"
)

func TestParse(t *testing.T) {
	got := sections.Parse("# Title\n\nTo begin with.\n\n" +
		"## One thing\n\nA paragraph\nof two lines.\n\nAnother.\n\n## Two\n\nText.\n")
	assert.Equal(t, []string{"A paragraph of two lines.", "Another."}, got["One thing"])
	assert.Equal(t, []string{"Text."}, got["Two"])
	assert.Len(t, got, 2)
}

package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReadmeShowsThisProgram(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	program, err := os.ReadFile("main.go")
	require.NoError(t, err)
	assert.Contains(t, string(readme), "```go\n"+string(program)+"```\n")
	assert.LessOrEqual(t, strings.Count(string(program), "\n"), 40)
}

func Example() {
	main()
	// Output:
	// [1 2 3] pod3 placed
	// [1 2 3 4] pod3 pinned
	// [1 2 4] pod4 moved
}

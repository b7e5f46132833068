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
	// [pod1 pod2 pod3] pod1 placed
	// [pod1 pod2 pod3 pod4] pod1 pinned
	// [pod2 pod3 pod4] pod2 moved
}

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRunExitCodes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f.json")
	require.NoError(t, os.WriteFile(file, []byte("{\n\"in\": \"no-such-dev\"}"), 0o600))
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"run"}, 2, "gateway run: -config is missing"},
		{[]string{"run", "-config"}, 2, "flag needs an argument: -config"},
		{[]string{"run", "-config", file, "more"}, 2, `unexpected argument "more"`},
		{[]string{"run", "-bogus"}, 2, "flag provided but not defined: -bogus"},
		{[]string{"run", "-h"}, 0, "-config file"},
		{[]string{"run", "-config", file}, 2, file + `:1: "control" is missing`},
		{[]string{"run", "-config", file + "x"}, 2, file + "x: no such file or directory"},
	} {
		code, stdout, stderr := call(c.args...)
		assert.Equal(t, c.code, code, "%v: %s", c.args, stderr)
		assert.Empty(t, stdout, c.args)
		assert.Contains(t, stderr, c.want, c.args)
	}
}

package config_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
)

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	file, pipe := filepath.Join(dir, "f.json"), filepath.Join(dir, "pipe")
	require.NoError(t, os.WriteFile(file, []byte("{}"), 0o600))
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	data, err := config.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, "{}", string(data))
	for name, reason := range map[string]string{
		pipe: "it is no regular file", dir: "it is no regular file", file + "x": "no such file or directory",
	} {
		_, err := config.ReadFile(name)
		var wrong *config.Error
		require.ErrorAs(t, err, &wrong)
		assert.EqualError(t, err, name+": "+reason)
	}
}

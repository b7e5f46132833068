package live

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestSnapshotFile(t *testing.T) {
	dir := t.TempDir()
	f := snapshotFile(filepath.Join(dir, "flows"))
	require.NoError(t, f.try())
	_, err := f.read()
	require.ErrorIs(t, err, os.ErrNotExist, "try makes none")
	for _, text := range []string{"first", "second"} {
		require.NoError(t, f.write([]byte(text)))
		require.NoError(t, f.try())
		data, err := f.read()
		require.NoError(t, err)
		assert.Equal(t, text, string(data))
	}
	info, err := os.Stat(string(f))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode())
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, left, 1)
}

// A directory in the place of the file is found when that is tried, and not a
// second later by each snapshot.
func TestSnapshotInPlaceOfDirectory(t *testing.T) {
	dir := t.TempDir()
	require.ErrorIs(t, snapshotFile(dir).try(), unix.EISDIR)
	assert.NoFileExists(t, snapshotFile(dir).next())
}

// What somebody else puts in the place of the next file is neither written to
// nor waited for, and does not keep the file from being written.
func TestSnapshotFollowsNobody(t *testing.T) {
	dir := t.TempDir()
	f := snapshotFile(filepath.Join(dir, "flows"))
	victim := filepath.Join(dir, "victim")
	require.NoError(t, os.WriteFile(victim, []byte("precious"), 0o600))
	for name, put := range map[string]func() error{
		"link":      func() error { return os.Symlink(victim, f.next()) },
		"hard link": func() error { return os.Link(victim, f.next()) },
		"pipe":      func() error { return unix.Mkfifo(f.next(), 0o666) },
		"file": func() error {
			if err := os.WriteFile(f.next(), nil, 0o600); err != nil {
				return err
			}
			return os.Chmod(f.next(), 0o666)
		},
	} {
		require.NoError(t, put(), name)
		require.NoError(t, f.write([]byte("flows")), name)
		info, err := os.Lstat(string(f))
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode(), name)
		data, err := f.read()
		require.NoError(t, err)
		assert.Equal(t, "flows", string(data), name)
		data, err = os.ReadFile(victim)
		require.NoError(t, err)
		assert.Equal(t, "precious", string(data), name)
	}
	require.NoError(t, os.Mkdir(f.next(), 0o700))
	require.Error(t, f.try())
	require.Error(t, f.write(nil))
}

// What is in the place of the file is not followed, waited for or trusted.
func TestSnapshotTrustsNobody(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good")
	require.NoError(t, os.WriteFile(good, []byte("flows"), 0o600))
	for name, c := range map[string]struct {
		put  func(path string) error
		want string
	}{
		"link":      {func(path string) error { return os.Symlink(good, path) }, "too many levels of symbolic links"},
		"pipe":      {func(path string) error { return unix.Mkfifo(path, 0o600) }, "is no regular file"},
		"directory": {func(path string) error { return os.Mkdir(path, 0o700) }, "is no regular file"},
		"writable": {func(path string) error {
			if err := os.WriteFile(path, []byte("flows"), 0o600); err != nil {
				return err
			}
			return os.Chmod(path, 0o666)
		}, "can be written by others: its mode is 0666"},
		"stranger": {func(path string) error {
			if err := os.WriteFile(path, []byte("flows"), 0o600); err != nil {
				return err
			}
			return os.Chown(path, 65534, 65534)
		}, "is of another user, with the number 65534"},
	} {
		path := filepath.Join(dir, name)
		err := c.put(path)
		if os.Geteuid() != 0 && os.IsPermission(err) {
			continue // root alone gives files away
		}
		require.NoError(t, err, name)
		_, err = snapshotFile(path).read()
		require.ErrorContains(t, err, c.want, name)
	}
}

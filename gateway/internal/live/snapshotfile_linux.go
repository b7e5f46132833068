package live

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// A snapshotFile is where flows outlive the process. Others may be able to
// write to its directory, so that nothing there is followed, waited for or
// trusted that this process, or root, did not make.
type snapshotFile string

// next is what the file is written to, before it takes its place.
func (f snapshotFile) next() string { return string(f) + ".new" }

// create makes the next file. One that is there is no more: another process
// left it when it was killed, or somebody put it there.
func (f snapshotFile) create() (*os.File, error) {
	if err := unix.Unlink(f.next()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, &fs.PathError{Op: "unlink", Path: f.next(), Err: err}
	}
	return os.OpenFile(f.next(), os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
}

// try returns an error if the file can't be written, and leaves it as it is.
func (f snapshotFile) try() error {
	if info, err := os.Lstat(string(f)); err == nil && info.IsDir() {
		return &fs.PathError{Op: "replace", Path: string(f), Err: unix.EISDIR}
	}
	next, err := f.create()
	if err != nil {
		return err
	}
	return errors.Join(next.Close(), os.Remove(f.next()))
}

// write replaces the file at once: who is killed meanwhile leaves the old one,
// and a next one. It is not synced to the disk, which takes a time and which
// only a crash of the host needs.
func (f snapshotFile) write(data []byte) error {
	next, err := f.create()
	if err != nil {
		return err
	}
	_, err = next.Write(data)
	if err = errors.Join(err, next.Close()); err != nil {
		return errors.Join(err, os.Remove(f.next())) // a full disk needs the room
	}
	return os.Rename(f.next(), string(f))
}

// read returns what the file holds. It refuses one that others could write.
func (f snapshotFile) read() ([]byte, error) {
	file, err := os.OpenFile(string(f), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // nothing was written
	var info unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &info); err != nil {
		return nil, &fs.PathError{Op: "stat", Path: string(f), Err: err}
	}
	const others = 0o022
	switch {
	case info.Mode&unix.S_IFMT != unix.S_IFREG:
		return nil, fmt.Errorf("%s is no regular file", f)
	case info.Uid != 0 && int(info.Uid) != os.Geteuid():
		return nil, fmt.Errorf("%s is of another user, with the number %d", f, info.Uid)
	case info.Mode&others != 0:
		return nil, fmt.Errorf("%s can be written by others: its mode is %#o", f, info.Mode&0o777)
	}
	return io.ReadAll(file)
}

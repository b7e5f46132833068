package config

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// ReadFile returns what a configuration file holds, for [Parse]. It does not
// wait for anybody: a pipe or a device is refused. The error is an [*Error].
func ReadFile(name string) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe would wait for a writer
	if err != nil {
		return nil, unreadable(name, err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	info, err := f.Stat()
	if err != nil {
		return nil, unreadable(name, err)
	}
	if !info.Mode().IsRegular() {
		return nil, &Error{File: name, Reason: "it is no regular file"}
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1)) // Parse refuses one that is longer
	if err != nil {
		return nil, unreadable(name, err)
	}
	return data, nil
}

func unreadable(name string, err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		err = path.Err
	}
	return &Error{File: name, Reason: err.Error(), Err: err}
}

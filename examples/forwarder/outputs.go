package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ecmp-go/ecmp/examples/internal/capture"
)

// outputs are the captures of the members, in their order; none without a
// directory.
type outputs struct {
	captures []*capture.Writer
}

// newOutputs creates the captures. One that would overwrite the capture that is
// read is an error.
func newOutputs(o options, in *os.File) (*outputs, error) {
	to := &outputs{}
	if o.out == "" {
		return to, nil
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return nil, err
	}
	names := make([]string, len(o.members))
	for i, m := range o.members {
		names[i] = filepath.Join(o.out, m.ID+".pcap")
		if same(names[i], in) {
			return nil, fmt.Errorf("%s is the capture to read", names[i])
		}
	}
	for _, name := range names {
		f, err := os.Create(name)
		if err != nil {
			return nil, errors.Join(err, to.close())
		}
		w, err := capture.NewWriter(f)
		if err != nil {
			return nil, errors.Join(err, f.Close(), to.close())
		}
		to.captures = append(to.captures, w)
	}
	return to, nil
}

func same(name string, in *os.File) bool {
	a, err := os.Stat(name)
	if err != nil {
		return false
	}
	b, err := in.Stat()
	return err == nil && os.SameFile(a, b)
}

func (o *outputs) write(member int, p capture.Packet) error {
	if len(o.captures) == 0 {
		return nil
	}
	return o.captures[member].Write(p)
}

func (o *outputs) close() (err error) {
	for _, w := range o.captures {
		err = errors.Join(err, w.Close())
	}
	return err
}

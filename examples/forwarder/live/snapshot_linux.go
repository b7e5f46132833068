package live

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/ecmp-go/ecmp/examples/forwarder/router"
)

// begin puts the configuration in force, or what changes of members made of it, if the process before left a snapshot that says
// so; and gives the flows that it knew back to their members. A snapshot that is of no use is no reason not to run.
func (f *forwarder) begin() error {
	replace := func(snapshot *router.Snapshot) error {
		services, from := f.present.Services, origin(f.data)
		if snapshot != nil {
			var err error
			if services, err = snapshot.Services(services, from, f.Links); err != nil {
				f.Log.Warn("the members are those of the configuration", "error", err)
			}
		}
		return blame(f.present, f.router.Replace(services, from))
	}
	if f.present.Snapshot == "" {
		return replace(nil)
	}
	file, err := os.Open(f.present.Snapshot)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			f.Log.Warn("no snapshot", "error", err)
		}
		return replace(nil)
	}
	defer file.Close() //nolint:errcheck // only read
	snapshot, err := router.ReadSnapshot(file)
	if err != nil {
		f.Log.Warn("no snapshot", "error", err)
		return replace(nil)
	}
	if err := replace(snapshot); err != nil {
		return err
	}
	if err := f.router.Restore(snapshot); err != nil {
		f.Log.Warn("no flows restored", "error", err)
		return nil
	}
	f.Log.Info("flows restored", "flows", f.router.Stats().Flows.Flows)
	return nil
}

// saveUntil saves the flow table once a second, so that a process that is killed loses the flows of a second.
func (f *forwarder) saveUntil(ctx context.Context) error {
	if f.snapshot == "" {
		return nil
	}
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := f.save(); err != nil {
			f.Log.Error("no snapshot", "error", err)
		}
	}
}

// save replaces the file at once: who is killed meanwhile leaves the old one. It is not synced to the disk, which takes a time
// and which only a crash of the host needs.
func (f *forwarder) save() error {
	data, err := f.router.Save()
	if err != nil {
		return err
	}
	name := f.snapshot
	file, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}

package live

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/ecmp-go/ecmp/gateway/internal/router"
)

// begin puts the configuration in force, or what changes of members made of it,
// if the process before left a snapshot that says so; and gives the flows that
// it knew back to their members. A snapshot that is of no use is no reason not
// to run.
func (f *forwarder) begin() error {
	configured, from := f.present.Services, origin(f.data)
	snapshot := f.openSnapshot()
	if snapshot == nil {
		return blame(f.present, f.router.Replace(configured, from))
	}
	services, err := snapshot.Services(configured, from, f.Links)
	if err == nil {
		err = f.router.Replace(services, from)
	}
	if err != nil {
		f.Log.Warn("the members are those of the configuration", "error", err)
		if err := f.router.Replace(configured, from); err != nil {
			return blame(f.present, err)
		}
	}
	if err := f.router.Restore(snapshot); err != nil {
		f.Log.Warn("no flows restored", "error", err)
		return nil
	}
	f.Log.Info("flows restored", "flows", f.router.Stats().Flows.Flows)
	return nil
}

// openSnapshot returns the snapshot that the process before left; nil if there
// is none, or none that can be read.
func (f *forwarder) openSnapshot() *router.Snapshot {
	if f.snapshot == "" {
		return nil
	}
	data, err := os.ReadFile(f.snapshot)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var snapshot *router.Snapshot
	if err == nil {
		snapshot, err = router.ReadSnapshot(bytes.NewReader(data))
	}
	if err != nil {
		f.Log.Warn("no snapshot", "error", err)
	}
	return snapshot
}

// saveUntil saves the flow table once a second, so that a process that is
// killed loses the flows of a second. A table for a million flows takes some 6
// ms when it is empty and 21 when it is full: 1 to 2 % of a processor.
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

// save replaces the file at once: who is killed meanwhile leaves the old one,
// and a new one for the next to write over. It is not synced to the disk, which
// takes a time and which only a crash of the host needs.
func (f *forwarder) save() error {
	data, err := f.router.Save()
	if err != nil {
		return err
	}
	next := f.snapshot + ".new"
	if err := os.WriteFile(next, data, 0o600); err != nil {
		return err
	}
	return os.Rename(next, f.snapshot)
}

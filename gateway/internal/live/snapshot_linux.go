package live

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/ecmp-go/ecmp/gateway/internal/services"
)

// begin puts the configuration in force, or what changes of members made of it,
// if the process before left a snapshot that says so; and gives the flows that
// it knew back to their members. A snapshot that is of no use is no reason not
// to run.
//
// In a cluster the members are those of its log, if that is within reach, and
// else those of the snapshot.
func (g *gateway) begin(ctx context.Context) error {
	snapshot := g.openSnapshot()
	if g.cluster != nil {
		g.services.Cluster = g.cluster
	}
	if err := g.beginWith(snapshot); err != nil {
		return blame(g.present, err)
	}
	g.joinCluster(ctx)
	if snapshot == nil {
		return nil
	}
	if err := g.services.Restore(snapshot); err != nil {
		g.Log.Warn("no flows restored", "error", err)
		return nil
	}
	g.learnedBefore = snapshot.Learned()
	g.Log.Info("flows restored", "flows", g.services.Stats().Flows.Flows)
	return nil
}

// beginWith puts services in force, as the snapshot has them if it is of use.
func (g *gateway) beginWith(snapshot *services.Snapshot) error {
	configured, from := g.present.Services, origin(g.data)
	registry := g.services.By("start")
	if snapshot == nil {
		return registry.Replace(configured, from)
	}
	registry.RestoreDrains(snapshot)
	was, err := snapshot.Services(configured, from)
	if g.cluster != nil {
		was, err = snapshot.Newest(configured)
	}
	if err == nil {
		g.resolve(was)
		err = registry.Replace(was, from)
	}
	if err != nil {
		g.Log.Warn("the members are those of the configuration", "error", err)
		err = registry.Replace(configured, from)
	}
	if err != nil {
		return err
	}
	return registry.RestoreDown(snapshot)
}

// openSnapshot returns the snapshot that the process before left; nil if there
// is none, or none that can be read.
func (g *gateway) openSnapshot() *services.Snapshot {
	if g.snapshot == "" {
		return nil
	}
	data, err := g.snapshot.read()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var snapshot *services.Snapshot
	if err == nil {
		snapshot, err = services.ReadSnapshot(bytes.NewReader(data))
	}
	if err != nil {
		g.Log.Warn("no snapshot", "error", err)
	}
	return snapshot
}

// saveUntil saves the flow table once a second, so that a process that is
// killed loses the flows of a second. A table for a million flows takes some 6
// ms when it is empty and 21 when it is full: 1 to 2 % of a processor.
func (g *gateway) saveUntil(ctx context.Context) error {
	if g.snapshot == "" {
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
		_ = g.save() // it is counted and logged
	}
}

// save writes a snapshot. Of errors that follow one another, each is logged
// once.
func (g *gateway) save() error {
	data, err := g.services.Save()
	if err == nil {
		err = g.snapshot.write(data)
	}
	switch changed := g.snapshots.Add(err); {
	case changed && err != nil:
		g.Log.Error("no snapshot", "error", err)
	case changed:
		g.Log.Info("snapshots are written again")
	}
	return err
}

package live

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
)

// watchFile reads the configuration again when it changes or is to be.
func (g *gateway) watchFile(ctx context.Context) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	defer watcher.Close() //nolint:errcheck // nothing is written
	if err := g.watchDirectories(watcher); err != nil {
		return err
	}
	const settle = 50 * time.Millisecond // for a file that is written in several steps
	settled := time.After(settle)        // at once, too: it may have changed since it was read
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-watcher.Events:
			if settled == nil {
				settled = time.After(settle)
			}
		case err := <-watcher.Errors:
			g.Log.Warn("watching the configuration", "error", err)
			settled = time.After(settle) // events may have been lost
		case <-settled:
			settled = nil
			// Before the file is read, so that no change comes between.
			if err := g.watchDirectories(watcher); err != nil {
				g.Log.Warn("watching the configuration", "error", err)
			}
			g.reload(false)
		case <-g.Reload:
			g.reload(true)
		}
	}
}

// watchDirectories watches where the file is, as editors replace files, and
// where it leads to, if it is a link.
func (g *gateway) watchDirectories(w *fsnotify.Watcher) error {
	if file, err := filepath.EvalSymlinks(g.File); err == nil {
		if err := w.Add(filepath.Dir(file)); err != nil {
			return err
		}
	}
	return w.Add(filepath.Dir(g.File))
}

// reload puts the configuration in force if it changed, or if it is forced to,
// and leaves everything as it is if it can't.
func (g *gateway) reload(force bool) {
	data, err := config.ReadFile(g.File)
	if err != nil {
		data = nil // which no file is
	}
	if !force && bytes.Equal(data, g.data) && (data == nil) == (g.data == nil) {
		return
	}
	g.data = data
	by := "file"
	if force {
		by = "signal"
	}
	if err == nil {
		err = g.replace(data, by)
	}
	g.reloads.Add(err)
	if err != nil {
		g.Log.Error("configuration refused, the old one stays", "error", err)
		return
	}
	g.Log.Info("configuration in force", "file", g.File)
}

func (g *gateway) replace(data []byte, by string) error {
	c, err := config.Parse(g.File, data, g.Planes)
	if err != nil {
		return err
	}
	if err := c.Follow(g.present); err != nil {
		return err
	}
	if err := g.services.By(by).Replace(c.Services, origin(data)); err != nil {
		return blame(c, err)
	}
	if c.Seed != g.present.Seed {
		g.services.By(by).Reseed(g.present.Seed, c.Seed, g.plane.SetSeed)
	}
	g.present = c
	if g.cluster != nil {
		g.cluster.Follow(c.Services)
	}
	g.lookSoon()
	return nil
}

// blame gives a refusal of the services its line.
func blame(c *config.Config, err error) error {
	refused, ok := errors.AsType[*services.RefusedError](err)
	if !ok {
		return err
	}
	for _, s := range c.Services {
		if s.Name == refused.Service {
			return s.Blame(refused.Err)
		}
	}
	return err
}

// origin names what a file says.
func origin(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

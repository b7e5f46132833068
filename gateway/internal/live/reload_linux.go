package live

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/router"
)

// watchFile reads the configuration again when it changes or is to be.
func (f *forwarder) watchFile(ctx context.Context) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	defer watcher.Close() //nolint:errcheck // nothing is written
	if err := f.watchDirectories(watcher); err != nil {
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
			f.Log.Warn("watching the configuration", "error", err)
			settled = time.After(settle) // events may have been lost
		case <-settled:
			settled = nil
			// Before the file is read, so that no change comes between.
			if err := f.watchDirectories(watcher); err != nil {
				f.Log.Warn("watching the configuration", "error", err)
			}
			f.reload(false)
		case <-f.Reload:
			f.reload(true)
		}
	}
}

// watchDirectories watches where the file is, as editors replace files, and
// where it leads to, if it is a link.
func (f *forwarder) watchDirectories(w *fsnotify.Watcher) error {
	if file, err := filepath.EvalSymlinks(f.File); err == nil {
		if err := w.Add(filepath.Dir(file)); err != nil {
			return err
		}
	}
	return w.Add(filepath.Dir(f.File))
}

// reload puts the configuration in force if it changed, or if it is forced to,
// and leaves everything as it is if it can't.
func (f *forwarder) reload(force bool) {
	data, err := os.ReadFile(f.File)
	if err != nil {
		data = nil // which no file is
	}
	if !force && bytes.Equal(data, f.data) && (data == nil) == (f.data == nil) {
		return
	}
	f.data = data
	if err == nil {
		err = f.replace(data)
	}
	f.reloads.Add(err)
	if err != nil {
		f.Log.Error("configuration refused, the old one stays", "error", err)
		return
	}
	f.Log.Info("configuration in force", "file", f.File)
}

func (f *forwarder) replace(data []byte) error {
	c, err := config.Parse(f.File, data, f.Links)
	if err != nil {
		return err
	}
	if err := c.Follow(f.present); err != nil {
		return err
	}
	if err := f.router.Replace(c.Services, origin(data)); err != nil {
		return blame(c, err)
	}
	f.present = c
	return nil
}

// blame gives a refusal of the router its line.
func blame(c *config.Config, err error) error {
	refused, ok := errors.AsType[*router.RefusedError](err)
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

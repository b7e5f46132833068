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

	"github.com/ecmp-go/ecmp/examples/forwarder/config"
	"github.com/ecmp-go/ecmp/examples/forwarder/router"
)

// watchFile reads the configuration again when it changes or is to be. It watches the directory: editors replace files, and
// links lead to others.
func (f *forwarder) watchFile(ctx context.Context) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	defer watcher.Close() //nolint:errcheck // nothing is written
	if err := watcher.Add(filepath.Dir(f.File)); err != nil {
		return err
	}
	const settle = 50 * time.Millisecond // for a file that is written in several steps
	var settled <-chan time.Time
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
			f.reload(false)
		case <-f.Reload:
			f.reload(true)
		}
	}
}

// reload puts the configuration in force if it changed, or if it is forced to, and leaves everything as it is if it can't.
func (f *forwarder) reload(force bool) {
	data, err := os.ReadFile(f.File)
	if err == nil && !force && bytes.Equal(data, f.data) {
		return
	}
	if err == nil {
		f.data = data
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

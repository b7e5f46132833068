package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

// A workModule is a module of the workspace.
type workModule struct {
	Path string
	Dir  string // below the clone; "" is the library
}

// tag returns the module's tag.
func (m workModule) tag(version string) string {
	if m.Dir == "" {
		return version
	}
	return m.Dir + "/" + version
}

type release struct {
	version string
	clone   string
	proxy   string       // what is served of the modules
	env     []string     // of commands that must find it
	modules []workModule // each after those that it requires
}

func newRelease(repo, dir, version string) (*release, error) {
	r := &release{version: version, clone: filepath.Join(dir, "clone"), proxy: filepath.Join(dir, "proxy")}
	if _, err := output("", nil, "git", "clone", "-q", repo, r.clone); err != nil {
		return nil, err
	}
	text, err := output(r.clone, []string{"GOWORK="}, "go", "list", "-m", "-json=Path,Dir")
	if err != nil {
		return nil, err
	}
	for d := json.NewDecoder(strings.NewReader(text)); ; {
		var m workModule
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		if m.Dir, err = filepath.Rel(r.clone, m.Dir); err != nil {
			return nil, err
		}
		if m.Dir == "." {
			m.Dir = ""
		}
		r.modules = append(r.modules, m)
	}
	if err := r.sort(); err != nil {
		return nil, err
	}
	caches, err := output("", nil, "go", "env", "GOMODCACHE", "GOPROXY")
	if err != nil {
		return nil, err
	}
	cache, proxies, _ := strings.Cut(caches, "\n")
	r.env = []string{
		"GOWORK=off", "GOSUMDB=off", "GOMODCACHE=" + filepath.Join(dir, "cache"), "GOBIN=" + filepath.Join(dir, "bin"),
		"GOPROXY=file://" + r.proxy + ",file://" + filepath.Join(cache, "cache", "download") + "," + proxies,
	}
	return r, nil
}

// sort puts each module after those of the workspace that it requires.
func (r *release) sort() error {
	left := r.modules
	r.modules = nil
	for len(left) > 0 {
		at := -1
		for i, m := range left {
			file, err := r.goMod(m)
			if err != nil {
				return err
			}
			waits := slices.ContainsFunc(left, func(other workModule) bool { return requires(file, other.Path) })
			if !waits {
				at = i
				break
			}
		}
		if at < 0 {
			return errors.New("the modules require each other")
		}
		r.modules = append(r.modules, left[at])
		left = slices.Delete(left, at, at+1)
	}
	return nil
}

func requires(file *modfile.File, path string) bool {
	return slices.ContainsFunc(file.Require, func(q *modfile.Require) bool { return q.Mod.Path == path })
}

func (r *release) goMod(m workModule) (*modfile.File, error) {
	name := filepath.Join(r.clone, m.Dir, "go.mod")
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return modfile.Parse(name, data, nil)
}

// commit makes the commit, and serves the modules from it. A module is served
// before the next one needs its sum.
func (r *release) commit() error {
	amend := []string{"git", "commit", "-q", "--allow-empty", "-m", "release " + r.version}
	for _, m := range r.modules {
		if err := r.requireReleased(m); err != nil {
			return err
		}
		if _, err := output(r.clone, nil, append(amend, "-a")...); err != nil {
			return err
		}
		amend = []string{"git", "commit", "-q", "--allow-empty", "--amend", "--no-edit"}
		if err := r.serve(m); err != nil {
			return err
		}
	}
	return nil
}

// requireReleased has the module require the released versions in place of
// folders.
func (r *release) requireReleased(m workModule) error {
	file, err := r.goMod(m)
	if err != nil {
		return err
	}
	changed := false
	for _, other := range r.modules {
		if !requires(file, other.Path) {
			continue
		}
		changed = true
		if err := file.AddRequire(other.Path, r.version); err != nil {
			return err
		}
		if err := file.DropReplace(other.Path, ""); err != nil {
			return err
		}
	}
	if !changed {
		return nil
	}
	file.Cleanup()
	if len(file.Replace) > 0 {
		return fmt.Errorf("%s replaces %s, which go install refuses", m.Path, file.Replace[0].Old.Path)
	}
	data, err := file.Format()
	if err != nil {
		return err
	}
	dir := filepath.Join(r.clone, m.Dir)
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), data, 0o600); err != nil {
		return err
	}
	_, err = output(dir, r.env, "go", "mod", "tidy")
	return err
}

// serve puts the module into the proxy, as the go command would make it of the
// tag.
func (r *release) serve(m workModule) error {
	escaped, err := module.EscapePath(m.Path)
	if err != nil {
		return err
	}
	dir := filepath.Join(r.proxy, filepath.FromSlash(escaped), "@v")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	goMod, err := os.ReadFile(filepath.Join(r.clone, m.Dir, "go.mod"))
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{
		"list":              []byte(r.version + "\n"),
		r.version + ".info": []byte(`{"Version":"` + r.version + `"}`),
		r.version + ".mod":  goMod,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return err
		}
	}
	file, err := os.Create(filepath.Join(dir, r.version+".zip"))
	if err != nil {
		return err
	}
	err = zip.CreateFromVCS(file, module.Version{Path: m.Path, Version: r.version}, r.clone, "HEAD", m.Dir)
	return errors.Join(err, file.Close())
}

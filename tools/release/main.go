// Release makes the commit and the tags of a release:
//
//	cd tools && GOWORK=off go run ./release v0.1.0
//
// The modules beside the library replace it by its folder, and go install
// refuses modules that do. So the commit that is tagged, which no branch has,
// requires the released versions instead, sums included. Release makes it in a
// clone, has a proxy in a folder serve it, and tries it as importers will: it
// builds the library in an empty module and installs every program. Then it
// puts one tag for each module into the repository, and says what to push.
//
// With -try it puts nothing there.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/semver"
)

func main() {
	try := flag.Bool("try", false, "only try it: make no tag")
	flag.Parse()
	if err := run(flag.Args(), *try); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(args []string, try bool) (err error) {
	if len(args) != 1 || semver.Canonical(args[0]) != args[0] {
		return errors.New("needs one version, such as v0.1.0")
	}
	repo, err := output("", nil, "git", "rev-parse", "--show-toplevel")
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "release-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeAll(dir)) }()
	r, err := newRelease(repo, dir, args[0])
	if err != nil {
		return err
	}
	var tags []string
	for _, m := range r.modules {
		tags = append(tags, m.tag(r.version))
	}
	if err := refuseExisting(repo, tags); err != nil && !try {
		return err
	}
	if err := r.commit(); err != nil {
		return err
	}
	if err := r.try(); err != nil {
		return err
	}
	if try {
		fmt.Println("tried, and not made:", strings.Join(tags, " "))
		return nil
	}
	if err := setTags(repo, r.clone, tags); err != nil {
		return err
	}
	fmt.Println("git push origin", strings.Join(tags, " "))
	return nil
}

// refuseExisting returns an error if the repository has one of the tags.
func refuseExisting(repo string, tags []string) error {
	found, err := output(repo, nil, append([]string{"git", "tag", "--list"}, tags...)...)
	if err == nil && found != "" {
		err = fmt.Errorf("there is a tag already: %s", strings.Join(strings.Fields(found), " "))
	}
	return err
}

// setTags has all tags stand for the clone's commit, or sets none of them.
func setTags(repo, clone string, tags []string) error {
	args := []string{"git", "fetch", "-q", "--no-tags", "--atomic", clone}
	for _, tag := range tags {
		args = append(args, "HEAD:refs/tags/"+tag)
	}
	_, err := output(repo, nil, args...)
	return err
}

// removeAll removes a folder, the files of a module cache too, which are
// read-only.
func removeAll(dir string) error {
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = os.Chmod(path, 0o700)
		}
		return err
	})
	return errors.Join(err, os.RemoveAll(dir))
}

package main

import (
	"strings"
	"testing"
)

// All tags are set, or none where one exists.
func TestTags(t *testing.T) {
	git := func(dir string, args ...string) string {
		t.Helper()
		out, err := output(dir, nil, append([]string{"git", "-c", "user.name=a", "-c", "user.email=a@example.com"},
			args...)...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	repo, clone := t.TempDir(), t.TempDir()
	git(repo, "init", "-q")
	git(repo, "commit", "-q", "--allow-empty", "-m", "first")
	git(clone, "clone", "-q", repo, ".")
	git(clone, "commit", "-q", "--allow-empty", "-m", "release")
	tags := []string{"v0.1.0", "cluster/v0.1.0", "examples/gobgp/v0.1.0", "examples/v0.1.0", "gateway/v0.1.0"}
	git(repo, "tag", tags[1])
	if err := refuseExisting(repo, tags); err == nil || !strings.HasSuffix(err.Error(), "already: "+tags[1]) {
		t.Errorf("existing tag: %v", err)
	}
	if err := setTags(repo, clone, tags); err == nil {
		t.Error("an existing tag is no error")
	}
	if got := git(repo, "tag"); got != tags[1] {
		t.Errorf("tags after a failure: %q", got)
	}
	git(repo, "tag", "-d", tags[1])
	if err := refuseExisting(repo, tags); err != nil {
		t.Error(err)
	}
	if err := setTags(repo, clone, tags); err != nil {
		t.Fatal(err)
	}
	for _, tag := range tags {
		if git(repo, "rev-parse", tag) != git(clone, "rev-parse", "HEAD") {
			t.Errorf("%s is another commit", tag)
		}
	}
}

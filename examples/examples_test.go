package examples

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// packageComment returns the name and the comment of the package in a folder,
// or "" where there is none.
func packageComment(t *testing.T, dir string) (name, comment string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.PackageClauseOnly|parser.ParseComments)
		require.NoError(t, err)
		name = f.Name.Name
		if f.Doc != nil {
			return name, f.Doc.Text()
		}
	}
	return name, ""
}

// Every program of this module has what "Add an example" in CONTRIBUTING.md
// asks for.
func TestEveryExampleIsComplete(t *testing.T) {
	folders, err := os.ReadDir(".")
	require.NoError(t, err)
	_, list := packageComment(t, ".")
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	changelog, err := os.ReadFile("../CHANGELOG.md")
	require.NoError(t, err)
	table, err := os.ReadFile("README.md")
	require.NoError(t, err)
	programs := 0
	for _, folder := range folders {
		name := folder.Name()
		pkg, comment := packageComment(t, name)
		if !folder.IsDir() || pkg != "main" {
			continue
		}
		programs++
		title := strings.ToUpper(name[:1]) + name[1:] + " "
		assert.True(t, strings.HasPrefix(comment, title),
			"examples/%s: the package comment does not begin with %q", name, title)
		tests, err := filepath.Glob(filepath.Join(name, "*_test.go"))
		require.NoError(t, err)
		assert.NotEmpty(t, tests, "examples/%s has no tests", name)
		for _, place := range []struct{ file, text, want string }{
			{"examples/doc.go", list, "- " + name + " "},
			{"examples/README.md", string(table), "| [" + name + "](" + name + ") |"},
			{"examples/README.md", string(table), "go run ./examples/" + name},
			{"README.md", string(readme), "go run ./examples/" + name},
			{"CHANGELOG.md", string(changelog), "`examples/" + name + "`"},
		} {
			if !strings.Contains(place.text, place.want) {
				assert.Fail(t, "an example is incomplete", "%s does not contain %q", place.file, place.want)
			}
		}
	}
	assert.GreaterOrEqual(t, programs, 4)
}

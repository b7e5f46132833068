package selector_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/selector"
)

const (
	catalogFile = "internal/catalog/catalog.go"
	modelFolder = "internal/golden/place"
)

// TestStrategiesAreComplete says what a strategy of this package lacks: a row
// of the catalog with all that is in one, an identity, a slow model and a test
// that compares with it.
func TestStrategiesAreComplete(t *testing.T) {
	methods, modelled := map[string][]string{}, map[string]string{}
	for _, file := range parseFolder(t, ".", false) {
		for _, f := range functions(file) {
			if receiver := receiverOf(f); receiver != "" {
				methods[receiver] = append(methods[receiver], f.Name.Name)
			}
		}
	}
	models := map[string]bool{}
	for _, file := range parseFolder(t, "../"+modelFolder, false) {
		for _, f := range functions(file) {
			models[strings.TrimPrefix(f.Name.Name, "New")] = true
		}
	}
	for _, file := range parseFolder(t, ".", true) {
		for _, f := range functions(file) {
			if name, ok := strings.CutSuffix(f.Name.Name, "EqualsModel"); ok {
				modelled[strings.TrimPrefix(name, "Test")] = usedOf(f, "place")
			}
		}
	}
	rows := map[string]catalog.Row{}
	for _, row := range catalog.All() {
		rows[reflect.TypeOf(row.Strategy).Name()] = row
	}
	for name, list := range methods {
		if !ast.IsExported(name) || !slices.Contains(list, "Build") && !slices.Contains(list, "identity") {
			continue
		}
		file := "selector/" + strings.ToLower(name)
		if row, ok := rows[name]; ok {
			checkRow(t, name, row)
			delete(rows, name)
		} else {
			t.Errorf("%s is in no row of the catalog: add one to All in %s", name, catalogFile)
		}
		if !slices.Contains(list, "identity") {
			t.Errorf("%s has no identity, which fingerprints digest: add func (%s) identity() string to %s.go",
				name, name, file)
		}
		if !models[name] {
			t.Errorf("%s has no slow model: add func %s to %s/%s.go", name, name, modelFolder, strings.ToLower(name))
		}
		if used, ok := modelled[name]; !ok {
			t.Errorf("%s is compared with no model: add Test%sEqualsModel to %s_test.go", name, name, file)
		} else if !strings.Contains(used, " "+name+" ") && !strings.Contains(used, " New"+name+" ") {
			t.Errorf("Test%sEqualsModel in %s_test.go does not use place.%s", name, file, name)
		}
	}
	assert.Empty(t, rows, "rows of the catalog that are no strategy of this package")
}

func checkRow(t *testing.T, name string, row catalog.Row) {
	t.Helper()
	lacks := func(what string) { t.Errorf("the row of %s in %s has no %s", name, catalogFile, what) }
	if row.Name == "" {
		lacks("Name")
	}
	if row.Disruption < 1 {
		lacks("Disruption, a ratio from 1")
	}
	if reflect.TypeOf(row.Strategy).NumField() > 0 && len(row.Variants) == 0 {
		lacks("Variants: the strategy has parameters")
	}
	if len(row.Claims) == 0 || row.Claims[0].Strategy != row.Strategy {
		lacks("Claims, of which the first is of Strategy")
	}
	for _, s := range row.Variants {
		if reflect.TypeOf(s) != reflect.TypeOf(row.Strategy) || s == row.Strategy {
			t.Errorf("the row of %s in %s has the variant %s", name, catalogFile, settingName(s))
		}
	}
}

// settings returns every setting of the catalog.
func settings() []selector.Strategy {
	var list []selector.Strategy
	for _, row := range catalog.All() {
		list = append(list, row.Settings()...)
	}
	return list
}

// TestIdentitiesHoldEveryParameter: fingerprints of unlike parameters differ.
func TestIdentitiesHoldEveryParameter(t *testing.T) {
	seen := map[string]string{}
	for _, row := range catalog.All() {
		for field := -1; field < reflect.TypeOf(row.Strategy).NumField(); field++ {
			s := reflect.New(reflect.TypeOf(row.Strategy)).Elem()
			if field >= 0 {
				switch f := s.Field(field); f.Kind() {
				case reflect.Bool:
					f.SetBool(true)
				default:
					f.SetUint(7)
				}
			}
			setting := s.Interface().(selector.Strategy)
			identity := selector.Identity(setting)
			require.NotEmpty(t, identity, settingName(setting))
			require.Empty(t, seen[identity], "%s has the identity of it", settingName(setting))
			seen[identity] = settingName(setting)
		}
	}
}

// TestIdentitiesOfDefaults: a default has the identity of its value.
func TestIdentitiesOfDefaults(t *testing.T) {
	for _, s := range [][2]selector.Strategy{
		{selector.Maglev{}, selector.Maglev{Size: selector.DefaultTableSize}},
		{selector.Bounded{}, selector.Bounded{Slots: selector.DefaultBoundedSlots, Slack: selector.DefaultSlack}},
		{selector.Resilient{}, selector.Resilient{Buckets: selector.DefaultBuckets}},
		{selector.Ring{}, selector.Ring{Points: selector.DefaultPoints}},
		{selector.MultiProbe{}, selector.MultiProbe{Probes: selector.DefaultProbes}},
	} {
		assert.Equal(t, selector.Identity(s[0]), selector.Identity(s[1]))
	}
}

func parseFolder(t *testing.T, folder string, tests bool) []*ast.File {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(folder, "*.go"))
	require.NoError(t, err)
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") != tests {
			continue
		}
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
		require.NoError(t, err)
		files = append(files, file)
	}
	require.NotEmpty(t, files, folder)
	return files
}

func functions(file *ast.File) []*ast.FuncDecl {
	var list []*ast.FuncDecl
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			list = append(list, f)
		}
	}
	return list
}

// receiverOf returns the type of a method's receiver that is no pointer.
func receiverOf(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	name, ok := f.Recv.List[0].Type.(*ast.Ident)
	if !ok {
		return ""
	}
	return name.Name
}

// usedOf returns what a function uses of a package, with a blank around each.
func usedOf(f *ast.FuncDecl, pkg string) string {
	used := " "
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == pkg {
				used += s.Sel.Name + " "
			}
		}
		return true
	})
	return used
}

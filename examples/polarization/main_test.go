package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/commandline"
)

func polarization(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(args, &out, &errs)
	return code, out.String(), errs.String()
}

func rowsOf(t *testing.T, args ...string) []row {
	t.Helper()
	code, out, errs := polarization(append(args, "-json")...)
	require.Zero(t, code, errs)
	var report struct{ Results []row }
	require.NoError(t, json.Unmarshal([]byte(out), &report))
	require.NotEmpty(t, report.Results)
	require.Len(t, report.Results, 2*len(hashers()))
	return report.Results
}

// With one seed for all, only one link of each spine carries flows. With a seed
// for each, all do.
func TestPolarization(t *testing.T) {
	for _, r := range rowsOf(t, "-flows", "50000") {
		name := r.Hasher + ", " + r.Seeds + " seeds"
		assert.Equal(t, 16, r.First.Used, name)
		assert.Equal(t, 16, r.Second.Links, name)
		sum := 0
		for _, n := range r.Second.Flows {
			sum += n
		}
		assert.Equal(t, 50000, sum, name)
		assert.Less(t, r.First.Max, 1.3, name)
		if r.Seeds == "equal" {
			assert.Equal(t, 4, r.Second.Used, name)
			assert.Zero(t, r.Second.Min, name)
			assert.Greater(t, r.Second.Max, 3.8, name)
		} else {
			assert.Equal(t, 16, r.Second.Used, name)
			assert.Less(t, r.Second.Max, 1.5, name)
		}
	}
}

// With two cores, half of the links of the second tier carry all flows.
func TestHalfOfTheLinks(t *testing.T) {
	for _, r := range rowsOf(t, "-flows", "5000", "-cores", "2", "-leaves", "1") {
		if r.Seeds == "equal" {
			assert.Equal(t, 4, r.Second.Used, r.Hasher)
			assert.Equal(t, 8, r.Second.Links)
		}
	}
}

func TestRepeats(t *testing.T) {
	first := rowsOf(t, "-flows", "1000")
	assert.Equal(t, first, rowsOf(t, "-flows", "1000"))
	assert.NotEqual(t, first, rowsOf(t, "-flows", "1000", "-seed", "2"))
}

func TestText(t *testing.T) {
	code, out, errs := polarization("-flows", "1000")
	require.Zero(t, code, errs)
	assert.Contains(t, out, "1000 flows through 4 leaves, 4 spines and 4 cores.")
	assert.Regexp(t, `Linux +equal +16 of 16 .* 4 of 16 +0\.00 `, out)
	assert.Regexp(t, `XX +different +16 of 16 .* 16 of 16 `, out)
}

func TestPicture(t *testing.T) {
	name := filepath.Join(t.TempDir(), "out.svg")
	code, _, errs := polarization("-flows", "1000", "-svg", name)
	require.Zero(t, code, errs)
	file, err := os.ReadFile(name)
	require.NoError(t, err)
	bars := 0
	for d := xml.NewDecoder(bytes.NewReader(file)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "rect" {
			bars++
		}
	}
	assert.Equal(t, 1+len(scenarios())*(16+16), bars)
	assert.Equal(t, len(scenarios()), bytes.Count(file, []byte(">mean<")), "every scenario says what the dashes are")
}

func TestUsageErrors(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-bogus"}, "flag provided but not defined"},
		{[]string{"x"}, `unexpected argument "x"`},
		{[]string{"-leaves", "0"}, "-leaves: 0 is not between 1 and 64"},
		{[]string{"-spines", "65"}, "-spines: 65 is not between 2 and 64"},
		{[]string{"-flows", "0"}, "-flows: 0 is not between"},
	} {
		code, out, errs := polarization(c.args...)
		assert.Equal(t, commandline.Usage, code)
		assert.Contains(t, errs, c.want)
		assert.Empty(t, out)
	}
	code, _, errs := polarization("-svg", filepath.Join(t.TempDir(), "no", "where.svg"), "-flows", "10")
	assert.Equal(t, commandline.Failed, code)
	assert.Contains(t, errs, "where.svg")
}

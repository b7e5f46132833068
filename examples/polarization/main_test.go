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
	require.Len(t, report.Results, len(scenarios()))
	return report.Results
}

// With one seed for all, only one link of each spine carries flows. With a seed
// for each, all do.
func TestPolarization(t *testing.T) {
	for _, r := range rowsOf(t, "-flows", "50000") {
		name := r.Hasher + ", " + r.Seeds + " seeds"
		first, second := r.Tiers[0], r.Tiers[1]
		assert.Equal(t, 16, first.Used, name)
		assert.Equal(t, 16, second.Links, name)
		sum := 0
		for _, n := range second.Flows {
			sum += n
		}
		assert.Equal(t, 50000, sum, name)
		assert.Less(t, first.Max, 1.3, name)
		if r.Seeds == "equal" {
			assert.Equal(t, 4, second.Used, name)
			assert.Zero(t, second.Min, name)
			assert.Greater(t, second.Max, 3.8, name)
		} else {
			assert.Equal(t, 16, second.Used, name)
			assert.Less(t, second.Max, 1.5, name)
		}
	}
}

// With two cores, half of the links of the second tier carry all flows.
func TestHalfOfTheLinks(t *testing.T) {
	for _, r := range rowsOf(t, "-flows", "5000", "-tiers", "1x4x2") {
		if r.Seeds == "equal" {
			assert.Equal(t, 4, r.Tiers[1].Used, r.Hasher)
			assert.Equal(t, 8, r.Tiers[1].Links)
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
	assert.Contains(t, out, "1000 flows through 4 leaf, 4 spine and 4 core switches.")
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
		{[]string{"-tiers", "4x0x4"}, "-tiers: spine: 0 switches, want 1 to 1024"},
		{[]string{"-tiers", "4"}, "-tiers: 1 tiers, want 2 to 8"},
		{[]string{"-tiers", "4by4"}, `-tiers: "4by4": tiers are numbers of switches such as 4x8x16`},
		{[]string{"-tiers", "1025x2"}, "1025 switches"},
		{[]string{"-tiers", "2x1024x1025"}, "spine: over 262144 links"},
		{[]string{"-flows", "0"}, "-flows: 0 is not between"},
		{[]string{"-hash", "md5"}, `-hash: leaf: "md5" is no hash: linux, toeplitz, `},
		{[]string{"-strategy", "best"}, "-strategy: leaf: "},
		{[]string{"-seeds", "1,2,3"}, `has 3 values: give one, or one for each of the 2 tiers that choose`},
		{[]string{"-seeds", "one"}, "-seeds: "},
		{[]string{"-rotate", "32"}, "-rotate: leaf: rotate is from 0 to 31"},
		{[]string{"-hash", "xx", "-svg", "x"}, "-svg is for the comparison"},
		{[]string{"-hash", "linux", "-seeds", "1,0"}, "spine: seed 0: Linux draws one"},
		{[]string{"-hash", "linux", "-seeds", "4294967297"}, "leaf: seed 4294967297: those of Linux have 32 bits"},
		{[]string{"-hash", "crc32", "-seeds", "1,4294967296"}, "spine: seed 4294967296: those of CRC32 have 32"},
		{[]string{"-plan", "x", "-tiers", "2x2"}, "-plan has the tiers"},
	} {
		code, out, errs := polarization(c.args...)
		assert.Equal(t, commandline.Usage, code)
		assert.Contains(t, errs, c.want)
		assert.Empty(t, out)
	}
	code, _, errs := polarization("-hash", "xx", "-seeds", "0,4294967296")
	assert.Zero(t, code, errs)
	code, _, errs = polarization("-h")
	assert.Zero(t, code)
	assert.Contains(t, errs, "Exit codes: 0 the plan is good")
	code, _, errs = polarization("-svg", filepath.Join(t.TempDir(), "no", "where.svg"), "-flows", "10")
	assert.Equal(t, commandline.Failed, code)
	assert.Contains(t, errs, "where.svg")
}

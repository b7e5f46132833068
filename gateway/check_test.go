package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCheck(t *testing.T) {
	const good = `{"in": "eth0", "vip": "2001:db8::1/128", "control": "127.0.0.1:1", "members": [
{"id": "a", "dev": "eth7", "addr": "10.9.1.2", "mac": "02:00:00:01:01:02"}],
"services": [{"name": "dns", "vip": "::2", "strategy": "bounded", "members": [
{"id": "a", "dev": "eth7", "addr": "10.9.1.2", "mac": "02:00:00:01:01:02"},
{"id": "b", "dev": "eth8", "addr": "10.9.1.3", "weight": 5}]}]}`
	file := filepath.Join(t.TempDir(), "f.json")
	for _, c := range []struct {
		old, is string
		code    int
		want    string
	}{
		{"", "", 0, file + " is right: services 2, members 3, io afpacket, control 127.0.0.1:1\n"},
		{`"in"`, `"inn"`, 2, "gateway check: " + file + `:1: unknown field "inn"` + "\n"},
		{`"dev": "eth8", `, ``, 2, file + `:5: "dev" is missing`},
		{`"eth7", "addr"`, `"eth9", "addr"`, 2,
			file + `:4: member "a" has another "dev", "mac", "addr" or "tunnel" in another service`},
		{`"strategy": "bounded"`, `"strategy": "anchor"`, 2, file + `:5: service "dns": `}, // unequal weights
	} {
		require.NoError(t, os.WriteFile(file, []byte(strings.Replace(good, c.old, c.is, 1)), 0o600))
		code, stdout, stderr := call("check", file)
		assert.Equal(t, c.code, code, "%s: %s", c.is, stderr)
		assert.Contains(t, stdout+stderr, c.want)
		assert.Equal(t, code == 0, stderr == "")
		assert.Equal(t, code != 0, stdout == "")
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"check"}, 2, "gateway check: FILE is missing"},
		{[]string{"check", file, "more"}, 2, `unexpected argument "more"`},
		{[]string{"check", "-h"}, 0, "usage: gateway check FILE"},
		{[]string{"check", "-bogus", file}, 2, "flag provided but not defined: -bogus"},
		{[]string{"check", file + "x"}, 2, file + "x: no such file or directory"},
	} {
		code, stdout, stderr := call(c.args...)
		assert.Equal(t, c.code, code, c.args)
		assert.Empty(t, stdout, c.args)
		assert.Contains(t, stderr, c.want, c.args)
	}
}

// Every sample is a configuration that is right. None has a time that is worse
// than what is so without it: README's once reset idle TCP connections.
func TestSamples(t *testing.T) {
	samples := map[string]string{}
	files, err := filepath.Glob("samples/*.json")
	require.NoError(t, err)
	for _, name := range files {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		samples[name] = string(data)
	}
	require.NotEmpty(t, samples)
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	_, section, _ := strings.Cut(string(readme), "\n## The gateway\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, block := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(section, -1) {
		assert.Equal(t, samples["samples/gateway.json"], block[1], "README shows the file")
		samples["README"] = block[1]
	}
	assert.Contains(t, samples, "README")
	doc, err := os.ReadFile("internal/config/doc.go")
	require.NoError(t, err)
	block := regexp.MustCompile(`(?m)^//\t\{\n(//\t.*\n)*//\t\}\n`).FindString(string(doc))
	samples["doc"] = strings.ReplaceAll(block, "//", "")
	require.NotEmpty(t, block)

	file := filepath.Join(t.TempDir(), "f.json")
	for name, text := range samples {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		code, _, stderr := call("check", file)
		assert.Zero(t, code, "%s: %s", name, stderr)
		for _, field := range []string{"idle", "timeouts"} {
			assert.NotContains(t, text, `"`+field+`"`, name)
		}
	}
}

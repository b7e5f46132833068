package main

import (
	"bytes"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ecmp-go/ecmp/internal/commandline"
)

// call runs the program.
func call(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(args, &out, &errs)
	return code, out.String(), errs.String()
}

func TestCommands(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{nil, commandline.Usage, "gateway run -config FILE"},
		{[]string{"-h"}, 0, "gateway run -config FILE"},
		{[]string{"walk"}, commandline.Usage, "gateway: no command \"walk\"\nusage:"},
		{[]string{"runn"}, commandline.Usage, `gateway: no command "runn": is "run" meant?`},
		{[]string{"chekc"}, commandline.Usage, `gateway: no command "chekc": is "check" meant?`},
		{[]string{"halp"}, commandline.Usage, `gateway: no command "halp": is "help" meant?`},
		{[]string{"help", "verison"}, commandline.Usage, `gateway: no command "verison": is "version" meant?`},
		{[]string{"-config", "f"}, commandline.Usage, `gateway: no command "-config"`},
		{[]string{"version", "more"}, commandline.Usage, `gateway version: unexpected argument "more"`},
	} {
		code, stdout, stderr := call(c.args...)
		assert.Equal(t, c.code, code, c.args)
		assert.Empty(t, stdout, c.args)
		assert.Contains(t, stderr, c.want, c.args)
	}
}

// What was asked for is on standard output.
func TestHelpAndVersion(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"help"}, "gateway check FILE"},
		{[]string{"help", "run"}, "-config file"},
		{[]string{"help", "check"}, "usage: gateway check FILE"},
		{[]string{"version"}, "gateway (devel), " + runtime.Version() + " " + runtime.GOOS},
		{[]string{"-version"}, "gateway (devel), "},
		{[]string{"--version"}, "gateway (devel), "},
	} {
		code, stdout, stderr := call(c.args...)
		assert.Zero(t, code, c.args)
		assert.Contains(t, stdout, c.want, c.args)
		assert.Empty(t, stderr, c.args)
	}
	_, stdout, _ := call("help")
	for _, c := range commands() {
		assert.Contains(t, stdout, "gateway "+c.name)
	}
}

func TestDescribeBuild(t *testing.T) {
	assert.Contains(t, describeBuild(nil), "gateway (unknown), go")
	info := &debug.BuildInfo{Main: debug.Module{Version: "v0.1.0"}, Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "false"},
	}}
	assert.Contains(t, describeBuild(info), "gateway v0.1.0, commit abc, go")
	info.Settings[1].Value = "true"
	assert.Contains(t, describeBuild(info), "gateway v0.1.0, commit abc with changes, go")
}

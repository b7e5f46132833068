package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"runtime"
	"runtime/debug"

	"github.com/ecmp-go/ecmp/internal/commandline"
)

// runVersion prints what the program was built from.
func runVersion(args []string, stdout, stderr io.Writer) int {
	complain := log.New(stderr, "gateway version: ", 0)
	flags := flag.NewFlagSet("gateway version", flag.ContinueOnError)
	if err := commandline.Parse(flags, args, stderr); err != nil {
		return commandline.Refuse(complain, err)
	}
	info, _ := debug.ReadBuildInfo()
	if _, err := fmt.Fprintln(stdout, describeBuild(info)); err != nil {
		return commandline.Failed
	}
	return 0
}

// describeBuild names the version, and the commit if the build knew it; nil is
// a build that says nothing of itself.
func describeBuild(info *debug.BuildInfo) string {
	version, commit, changed := "(unknown)", "", ""
	if info != nil {
		version = info.Main.Version
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				commit = ", commit " + s.Value
			case s.Key == "vcs.modified" && s.Value == "true":
				changed = " with changes"
			}
		}
	}
	return fmt.Sprintf("gateway %s%s%s, %s %s/%s",
		version, commit, changed, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

package main

import (
	"flag"
	"fmt"
	"io"
	"log"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/planes"
	"github.com/ecmp-go/ecmp/internal/commandline"
)

// runCheck says whether a configuration is right, without looking at this
// host's interfaces and neighbours: the file may be for another one.
func runCheck(args []string, stdout, stderr io.Writer) int {
	complain := log.New(stderr, "gateway check: ", 0)
	flags := flag.NewFlagSet("gateway check", flag.ContinueOnError)
	flags.Usage = func() { _, _ = fmt.Fprintln(flags.Output(), "usage: gateway check FILE") }
	file := ""
	if len(args) > 0 && (args[0] == "" || args[0][0] != '-') {
		file, args = args[0], args[1:]
	}
	if err := commandline.Parse(flags, args, stderr); err != nil {
		return commandline.Refuse(complain, err)
	}
	if file == "" {
		complain.Print("FILE is missing")
		return commandline.Usage
	}
	c, err := check(file)
	if err != nil {
		complain.Print(err)
		return commandline.Usage
	}
	members := 0
	for _, s := range c.Services {
		members += len(s.Members)
	}
	_, err = fmt.Fprintf(stdout, "%s is right: services %d, members %d, io %s, control %s\n",
		file, len(c.Services), members, c.Plane.Name, c.Control)
	if err != nil {
		return commandline.Failed
	}
	return 0
}

func check(file string) (*config.Config, error) {
	data, err := config.ReadFile(file)
	if err != nil {
		return nil, err
	}
	c, err := config.Parse(file, data, planes.All())
	if err != nil {
		return nil, err
	}
	return c, c.TryStrategies()
}

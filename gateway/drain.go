package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"time"

	"github.com/ecmp-go/ecmp/internal/commandline"
)

// runDrain has a running gateway drain a member.
func runDrain(args []string, stdout, stderr io.Writer) int {
	complain := log.New(stderr, "gateway drain: ", 0)
	flags := flag.NewFlagSet("gateway drain", flag.ContinueOnError)
	flags.Usage = func() {
		_, _ = fmt.Fprintln(flags.Output(), "usage: gateway drain [flags] MEMBER")
		flags.PrintDefaults()
	}
	var c client
	c.addFlags(flags)
	service := flags.String("service", "default", "`name` of the member's service")
	end := make(url.Values)
	ends := func(name, text string) {
		flags.Func(name, text, func(given string) error {
			d, err := time.ParseDuration(given)
			if err != nil || d < 0 {
				return fmt.Errorf("a time such as 10m is needed, not %q", given)
			}
			end.Set(name, d.String())
			return nil
		})
	}
	ends("deadline", "`time` after which flows that are left go elsewhere; without it they stay until they end")
	ends("udp", "`time` after which those without a connection do, such as of UDP; "+
		"not for a key by which a flow is many connections")
	id, err := parseArguments(flags, args, stderr, "MEMBER")
	if err != nil {
		return commandline.Refuse(complain, err)
	}
	path := "/services/" + url.PathEscape(*service) + "/members/" + url.PathEscape(id[0]) + "/drain"
	if len(end) > 0 {
		path += "?" + end.Encode()
	}
	_, err = c.ask(http.MethodPost, path)
	switch {
	case err != nil:
	case c.json:
		err = commandline.PrintJSON(stdout, struct {
			Service  string `json:"service"`
			Member   string `json:"member"`
			Deadline string `json:"deadline,omitempty"`
			UDP      string `json:"udp,omitempty"`
		}{*service, id[0], end.Get("deadline"), end.Get("udp")})
	default:
		_, err = fmt.Fprintf(stdout, "%s of service %s gets no new flow\n", id[0], *service)
	}
	if err != nil {
		complain.Print(err)
		return commandline.Failed
	}
	return 0
}

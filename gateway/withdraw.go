package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"time"

	"github.com/ecmp-go/ecmp/gateway/internal/bgp"
	"github.com/ecmp-go/ecmp/internal/commandline"
)

// runWithdraw has routers send packets to other gateways than a running one, and
// waits until they do.
func runWithdraw(args []string, stdout, stderr io.Writer) int {
	complain := log.New(stderr, "gateway withdraw: ", 0)
	flags := flag.NewFlagSet("gateway withdraw", flag.ContinueOnError)
	var c client
	c.addFlags(flags)
	return c.runRouters(flags, complain, args, stderr, func() error { return c.withdraw(stdout) })
}

// runAnnounce has a running gateway announce its services again.
func runAnnounce(args []string, stdout, stderr io.Writer) int {
	complain := log.New(stderr, "gateway announce: ", 0)
	flags := flag.NewFlagSet("gateway announce", flag.ContinueOnError)
	var c client
	c.addFlags(flags)
	return c.runRouters(flags, complain, args, stderr, func() error {
		if _, err := c.ask(http.MethodPost, "/bgp/resume"); err != nil {
			return err
		}
		return c.tell(stdout)
	})
}

// runRouters parses the flags of a command about the routers of a running
// gateway, and does it.
func (c *client) runRouters(
	flags *flag.FlagSet, complain *log.Logger, args []string, stderr io.Writer, do func() error,
) int {
	if _, err := parseArguments(flags, args, stderr); err != nil {
		return commandline.Refuse(complain, err)
	}
	if _, err := c.routers(); err != nil { // before anything is changed
		complain.Print(err)
		return commandline.Failed
	}
	if err := do(); err != nil {
		complain.Print(err)
		return commandline.Failed
	}
	return 0
}

// withdraw begins a drain of the gateway, or finds one that is on, and waits for
// its end.
func (c *client) withdraw(stdout io.Writer) error {
	if _, err := c.ask(http.MethodPost, "/bgp/drain"); err != nil {
		return err
	}
	const pause = time.Second / 5
	for {
		s, err := c.routers()
		if err != nil {
			return err
		}
		switch s.Phase {
		case bgp.Withdrawn:
			return c.tell(stdout)
		case bgp.Announcing:
			return errors.New("somebody called the drain off")
		case bgp.Draining:
		}
		time.Sleep(pause)
	}
}

// routers returns how a running gateway stands to its routers.
func (c *client) routers() (*bgp.State, error) {
	var stats struct {
		BGP *bgp.State `json:"bgp"`
	}
	if err := c.get("/stats", &stats); err != nil {
		return nil, err
	}
	if stats.BGP == nil {
		return nil, errors.New("the gateway has no routers to tell: its configuration is without \"bgp\"")
	}
	return stats.BGP, nil
}

// tell writes how the gateway stands to its routers.
func (c *client) tell(w io.Writer) error {
	s, err := c.routers()
	if err != nil {
		return err
	}
	if c.json {
		return commandline.PrintJSON(w, s)
	}
	var text strings.Builder
	_, _ = fmt.Fprintf(&text, "%s: %d prefixes announced\n", s.Phase, len(s.Announced))
	for _, p := range s.Peers {
		_, _ = fmt.Fprintf(&text, "%s AS %d: %s\n", p.Addr, p.AS, p.Session)
	}
	_, err = io.WriteString(w, text.String())
	return err
}

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/url"
	"strings"
	"time"

	"github.com/ecmp-go/ecmp/gateway/internal/joined"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
	"github.com/ecmp-go/ecmp/internal/commandline"
)

// runFlow asks a running gateway where a flow goes.
func runFlow(args []string, stdout, stderr io.Writer) int {
	complain := log.New(stderr, "gateway flow: ", 0)
	flags := flag.NewFlagSet("gateway flow", flag.ContinueOnError)
	flags.Usage = func() {
		_, _ = fmt.Fprintln(flags.Output(), "usage: gateway flow [flags] SRC DST\n"+
			"SRC and DST are ADDRESS:PORT, [ADDRESS]:PORT of IPv6, or ADDRESS for -proto icmp\n"+
			"and others without ports.")
		flags.PrintDefaults()
	}
	var c client
	c.addFlags(flags)
	proto := flags.String("proto", "tcp", "`protocol`: tcp, udp, icmp, sctp, or its number")
	ends, err := parseArguments(flags, args, stderr, "SRC", "DST")
	if err == nil {
		_, err = services.ParseQuestion(*proto, ends[0], ends[1]) // without asking anybody
	}
	if err != nil {
		return commandline.Refuse(complain, err)
	}
	var a joined.Answers
	query := url.Values{"proto": {*proto}, "src": {ends[0]}, "dst": {ends[1]}}
	err = c.show("/flow?"+query.Encode(), &a, stdout, func() error {
		return errors.Join(printAnswer(stdout, &a.Answer), printGateways(stdout, &a))
	})
	if err != nil {
		complain.Print(err)
		return commandline.Failed
	}
	return 0
}

func printAnswer(w io.Writer, a *services.Answer) error {
	text := fmt.Sprintf("%s %s -> %s\n", a.Protocol, a.Source, a.Destination)
	row := func(name, format string, args ...any) {
		text += fmt.Sprintf("%-9s", name) + fmt.Sprintf(format, args...) + "\n"
	}
	if a.Service != "" {
		row("service", "%s", a.Service)
	}
	if m := a.Member; m != nil {
		row("member", "%s, %s on %s, %s", m.ID, m.Addr, m.Dev, m.State)
	}
	row("verdict", "%s: %s", a.Verdict, a.Why)
	if p := a.Pin; p != nil {
		to := "a member that is not there"
		if p.Member != nil {
			to = fmt.Sprintf("%s, %s", p.Member.ID, p.Member.State)
			if p.Member.Reason != "" {
				to += " (" + p.Member.Reason + ")"
			}
		}
		row("pin", "to %s", to)
		row("", "%s, last packet about %v ago, kept for %v of silence", p.State, inSeconds(p.Age), inSeconds(p.Timeout))
		if a.Placed == "" {
			row("new flow", "dropped: no member takes it")
		} else {
			row("new flow", "would go to %s", a.Placed)
		}
	}
	_, err := io.WriteString(w, text)
	return err
}

// printGateways says where the flow goes at the other gateways of a cluster.
func printGateways(w io.Writer, a *joined.Answers) error {
	var text strings.Builder
	for _, g := range a.Gateways {
		switch {
		case g.Answer == nil:
			_, _ = fmt.Fprintf(&text, "at %s   %s\n", g.Gateway, g.Error)
		case g.Answer.Member == nil:
			_, _ = fmt.Fprintf(&text, "at %s   %s: %s\n", g.Gateway, g.Answer.Verdict, g.Answer.Why)
		default:
			same := ""
			if a.Member == nil || a.Member.ID != g.Answer.Member.ID {
				same = ", which is another one"
			}
			_, _ = fmt.Fprintf(&text, "at %s   %s to %s%s\n", g.Gateway, g.Answer.Verdict, g.Answer.Member.ID, same)
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
}

func inSeconds(s float64) time.Duration {
	return time.Duration(s * float64(time.Second)).Round(time.Second)
}

// runFlows asks a running gateway for the flows of a member.
func runFlows(args []string, stdout, stderr io.Writer) int {
	complain := log.New(stderr, "gateway flows: ", 0)
	flags := flag.NewFlagSet("gateway flows", flag.ContinueOnError)
	flags.Usage = func() {
		_, _ = fmt.Fprintln(flags.Output(), "usage: gateway flows [flags] MEMBER")
		flags.PrintDefaults()
	}
	var c client
	c.addFlags(flags)
	service := flags.String("service", "default", "`name` of the member's service")
	id, err := parseArguments(flags, args, stderr, "MEMBER")
	if err != nil {
		return commandline.Refuse(complain, err)
	}
	var m services.MemberFlows
	path := "/services/" + url.PathEscape(*service) + "/members/" + url.PathEscape(id[0]) + "/flows"
	err = c.show(path, &m, stdout, func() error { return printFlows(stdout, &m) })
	if err != nil {
		complain.Print(err)
		return commandline.Failed
	}
	return 0
}

func printFlows(w io.Writer, m *services.MemberFlows) error {
	var text strings.Builder
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(&text, format, args...) }
	say("%s of service %s, %s: flows %d\n", m.Member, m.Service, m.State, m.Flows)
	for _, s := range m.States {
		say("  %8d  %s, kept for %v of silence\n", s.Flows, s.State, inSeconds(s.Timeout))
	}
	for _, a := range m.Ages {
		switch {
		case a.Flows == 0:
		case a.Within == 0:
			say("  %8d  had a packet longer ago\n", a.Flows)
		default:
			say("  %8d  had a packet within %v\n", a.Flows, inSeconds(a.Within))
		}
	}
	if m.Flows > 0 {
		say("none is left in %v, if none sends any more\n", inSeconds(m.Silent))
	}
	if d := m.Drain; d != nil {
		say("drained since %s", d.Since.Format(time.DateTime))
		if d.By != "" {
			say(" by %s", d.By)
		}
		if d.Began > 0 {
			say(", with %d flows then", d.Began)
		}
		say("\n")
		if !d.UDP.IsZero() {
			say("flows without a connection go elsewhere from %s on\n", d.UDP.Format(time.DateTime))
		}
		if !d.Deadline.IsZero() {
			say("all flows go elsewhere from %s on\n", d.Deadline.Format(time.DateTime))
		}
		if d.Half > 0 {
			say("at this pace half of them are gone in %v, and all in some %v\n", inSeconds(d.Half),
				inSeconds(d.Empty))
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
}

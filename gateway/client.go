package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/planes"
	"github.com/ecmp-go/ecmp/internal/commandline"
)

// defaultControl is where the samples and the systemd unit have the control.
const defaultControl = "unix:/run/gateway/control"

// A client asks a running gateway.
type client struct {
	control string
	file    string // a configuration that says where the control is, and its token
	json    bool
}

// addFlags adds those that all commands have that ask a gateway.
func (c *client) addFlags(flags *flag.FlagSet) {
	flags.StringVar(&c.control, "control", defaultControl,
		"`address` of the gateway, as \"control\" of its configuration has it")
	flags.StringVar(&c.file, "config", "",
		"`file` of the gateway's configuration, for \"control\" and \"token\" in place of -control")
	flags.BoolVar(&c.json, "json", false, "print JSON")
}

// parseArguments parses flags and arguments, which may stand in any order. It
// is an error if there are others than those named.
func parseArguments(flags *flag.FlagSet, args []string, stderr io.Writer, names ...string) (given []string, err error) {
	flags.SetOutput(io.Discard) // the error says it all
	for {
		if err := flags.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				flags.SetOutput(stderr)
				flags.Usage()
			}
			return nil, err
		}
		if args = flags.Args(); len(args) == 0 {
			break
		}
		given, args = append(given, args[0]), args[1:]
	}
	switch {
	case len(given) < len(names):
		return nil, fmt.Errorf("%s is missing", names[len(given)])
	case len(given) > len(names):
		return nil, fmt.Errorf("unexpected argument %q", given[len(names)])
	}
	return given, nil
}

// show asks the gateway for path, and writes the answer as JSON, or has it
// printed.
func (c *client) show(path string, answer any, w io.Writer, print func() error) error {
	if err := c.get(path, answer); err != nil {
		return err
	}
	if c.json {
		return commandline.PrintJSON(w, answer)
	}
	return print()
}

// get asks the gateway for path, and decodes the answer.
func (c *client) get(path string, answer any) error {
	body, err := c.ask(http.MethodGet, path)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, answer)
}

// ask sends a request without a body, and returns that of the answer.
func (c *client) ask(method, path string) ([]byte, error) {
	at, err := c.where()
	if err != nil {
		return nil, err
	}
	const patience = time.Minute
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, at.Network, at.Address)
	}}
	defer transport.CloseIdleConnections()
	host := "localhost" // of a request by a socket, any will do
	if at.Network == "tcp" {
		host = at.Address
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, "http://"+host+path, nil)
	if err != nil {
		return nil, err
	}
	if at.Token != "" {
		r.Header.Set("Authorization", "Bearer "+at.Token)
	}
	resp, err := transport.RoundTrip(r)
	if err != nil {
		return nil, fmt.Errorf("no gateway answers at %s: %w", at, err)
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusNoContent {
		return nil, fmt.Errorf("the gateway at %s: %s (%d)", at, strings.TrimSpace(string(body)), resp.StatusCode)
	}
	return body, nil
}

// where returns the control.
func (c *client) where() (at config.Control, err error) {
	if c.file == "" {
		return config.ParseControl(c.control)
	}
	data, err := config.ReadFile(c.file)
	if err != nil {
		return at, err
	}
	whole, err := config.Parse(c.file, data, planes.All())
	if err != nil {
		return at, err
	}
	return whole.Control, nil
}

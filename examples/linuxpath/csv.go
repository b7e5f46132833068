package main

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/ecmp-go/ecmp/hash"
)

// columns are the names of the columns that a file of flows must have.
var columns = []string{ //nolint:gochecknoglobals // read-only
	"src", "sport", "dst", "dport", "proto", "label", "seed", "policy", "fields",
}

// predictCSV predicts the next hop of every flow of a file.
func predictCSV(o options, w io.Writer) (err error) {
	in := io.Reader(os.Stdin)
	if o.csv != "-" {
		file, err := os.Open(o.csv)
		if err != nil {
			return err
		}
		defer file.Close() //nolint:errcheck // read only
		in = file
	}
	out := bufio.NewWriter(w)
	defer func() { err = errors.Join(err, out.Flush()) }()
	if err := predictRows(o, csv.NewReader(in), out); err != nil {
		return fmt.Errorf("%s: %w", o.csv, err)
	}
	return nil
}

func predictRows(o options, in *csv.Reader, w io.Writer) (err error) {
	header, err := in.Read()
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("line 1, with the names of the columns, is missing")
	case err != nil:
		return err
	}
	// the byte order mark that spreadsheets write
	header[0] = strings.TrimPrefix(header[0], "\ufeff")
	at := make([]int, len(columns))
	for i, name := range columns {
		if at[i] = slices.Index(header, name); at[i] < 0 {
			return fmt.Errorf("line 1: no column %q", name)
		}
		if slices.Contains(header[at[i]+1:], name) {
			return fmt.Errorf("line 1: two columns %q", name)
		}
	}
	out, lines := csv.NewWriter(w), newEncoder(w)
	if !o.json {
		if err := out.Write(append(slices.Clone(header), "hash32", "nexthop", "remark")); err != nil {
			return err
		}
	}
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			out.Flush()
			return err
		}
		line, _ := in.FieldPos(0)
		values := make([]string, len(columns))
		for i := range columns {
			values[i] = row[at[i]]
		}
		p, err := predictRow(o, values)
		if err != nil {
			out.Flush()
			return fmt.Errorf("line %d: %w", line, err)
		}
		if o.json {
			err = lines.Encode(p)
		} else {
			err = out.Write(append(slices.Clone(row), p.Hash32, p.Nexthop, p.remark()))
		}
		if err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// predictRow predicts the next hop of a flow, given the values of the columns.
func predictRow(o options, values []string) (p prediction, err error) {
	number, addr := map[string]uint{}, map[string]netip.Addr{}
	var proto uint8
	for i, name := range columns {
		switch name {
		case "src", "dst":
			addr[name], err = netip.ParseAddr(values[i])
		case "proto":
			proto, err = parseProtocol(values[i])
		case "sport", "dport":
			number[name], err = parseNumber(values[i], 16)
		default:
			number[name], err = parseNumber(values[i], 32)
		}
		if err != nil {
			return p, fmt.Errorf("column %s: %w", name, err)
		}
	}
	src := netip.AddrPortFrom(addr["src"], uint16(number["sport"]))
	dst := netip.AddrPortFrom(addr["dst"], uint16(number["dport"]))
	k, err := newFlow(proto, src, dst, number["label"])
	if err != nil {
		return p, err
	}
	if o.socket == unbound && proto == hash.TCP {
		return p, errUnconnected
	}
	l, err := kernel(number["seed"], number["policy"], number["fields"])
	if err != nil {
		return p, err
	}
	if l.Seed == 0 {
		return p, errors.New("seed 0 is random, so nothing can be predicted")
	}
	return predict(l, o.nexthops, k, o.socket), nil
}

func parseNumber(s string, bits int) (uint, error) {
	n, err := strconv.ParseUint(s, 0, bits)
	if err != nil {
		return 0, fmt.Errorf("%q is no number of %d bits", s, bits)
	}
	return uint(n), nil
}

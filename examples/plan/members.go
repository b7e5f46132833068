package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/ecmp-go/ecmp/selector"
)

// Reasons why a line is refused.
var (
	errFields = errors.New("a line has an ID, and a weight at most")
	errWeight = errors.New("a weight is a number from 0 to 4294967294")
)

// A fileError says what is wrong with a file of members, and in which line. The
// line is 0 if the file is wrong as a whole.
type fileError struct {
	File string
	Line int
	Text string // the line
	Err  error  // errFields, errWeight, or one of package selector
}

func (e *fileError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %v", e.File, e.Err)
	}
	return fmt.Sprintf("%s:%d: %q: %v", e.File, e.Line, e.Text, e.Err)
}

func (e *fileError) Unwrap() error { return e.Err }

// readMembers reads a file of members. What is wrong with it is a *fileError.
func readMembers(name string, r io.Reader) ([]selector.Member, error) {
	var (
		members []selector.Member
		at      []fileError // where each member stands
	)
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(text)
		if len(fields) == 0 {
			continue
		}
		where := fileError{File: name, Line: n, Text: strings.TrimSpace(lines.Text())}
		m := selector.Member{ID: fields[0], Weight: 1}
		if len(fields) > 2 {
			where.Err = errFields
			return nil, &where
		}
		if len(fields) == 2 {
			weight, err := parseWeight(fields[1])
			if err != nil {
				where.Err = err
				return nil, &where
			}
			m.Weight = weight
		}
		members, at = append(members, m), append(at, where)
	}
	if err := lines.Err(); err != nil {
		return nil, &fileError{File: name, Err: err}
	}
	err := selector.Validate(members)
	if group, ok := errors.AsType[*selector.GroupError](err); ok {
		where := fileError{File: name}
		if group.Index >= 0 {
			where = at[group.Index]
		}
		where.Err = group.Err
		return nil, &where
	}
	return members, err
}

func parseWeight(text string) (uint32, error) {
	weight, err := strconv.ParseUint(text, 10, 32)
	if err != nil || weight > selector.MaxWeight {
		return 0, errWeight
	}
	return uint32(weight), nil
}

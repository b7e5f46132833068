package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// An Error says what is wrong with a configuration, and where.
type Error struct {
	File   string // as it was named; empty for the body of a request
	Line   int    // from 1; 0: the file as a whole
	Reason string
	Err    error // of the system, if it is at fault
}

// Unwrap returns e.Err.
func (e *Error) Unwrap() error { return e.Err }

func (e *Error) Error() string {
	switch {
	case e.File == "":
		return fmt.Sprintf("line %d: %s", e.Line, e.Reason)
	case e.Line == 0:
		return fmt.Sprintf("%s: %s", e.File, e.Reason)
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Reason)
}

// A value is a JSON value that knows where it stands.
type value struct {
	file string
	line int
	data any // string, json.Number, bool, nil, []value or object
}

// An object is a JSON object, in the order of its fields.
type object []field

type field struct {
	name string
	line int
	value
}

// errorf returns an error about the value. What is quoted of a configuration is
// cut where it is long.
func (v value) errorf(format string, args ...any) error {
	for i, a := range args {
		switch a := a.(type) {
		case string:
			args[i] = cut(a)
		case json.Number:
			args[i] = cut(a.String())
		case error: // that quotes it
			args[i] = cut(a.Error())
		}
	}
	return &Error{File: v.file, Line: v.line, Reason: fmt.Sprintf(format, args...)}
}

func cut(text string) string {
	const most = 400
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}

// parse reads one JSON value, which is all of the data.
func parse(file string, data []byte) (value, error) {
	var raw json.RawMessage
	// before anything is made of it, for the offset of the error
	if err := json.Unmarshal(data, &raw); err != nil {
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			at := lines{rest: data}
			return value{}, &Error{File: file, Line: at.line(syntax.Offset), Reason: "not JSON: " + syntax.Error()}
		}
		return value{}, &Error{File: file, Line: 1, Reason: err.Error()}
	}
	r := reader{file: file, lines: lines{rest: data}, Decoder: json.NewDecoder(bytes.NewReader(data))}
	r.UseNumber()
	return r.value()
}

// lines tells the lines of ascending offsets. It looks at each byte once.
type lines struct {
	rest  []byte // what it has not looked at
	start int64  // where that begins
	ends  int    // of lines before it
}

// line returns the line of the byte before an offset, from 1.
func (l *lines) line(offset int64) int {
	n := min(max(offset-1-l.start, 0), int64(len(l.rest)))
	l.ends += bytes.Count(l.rest[:n], []byte{'\n'})
	l.rest, l.start = l.rest[n:], l.start+n
	return 1 + l.ends
}

// A reader makes values of tokens.
type reader struct {
	file  string
	lines lines
	*json.Decoder
}

// next returns a token and its line: no token spans lines.
func (r *reader) next() (json.Token, int, error) {
	token, err := r.Token()
	return token, r.lines.line(r.InputOffset()), err
}

func (r *reader) value() (value, error) {
	token, line, err := r.next()
	if err != nil {
		return value{}, err
	}
	v := value{r.file, line, token}
	switch token {
	case json.Delim('['):
		v.data, err = r.list()
	case json.Delim('{'):
		v.data, err = r.object()
	}
	return v, err
}

func (r *reader) list() (list []value, err error) {
	for r.More() {
		v, err := r.value()
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err = r.Token()
	return list, err
}

func (r *reader) object() (o object, err error) {
	seen := make(map[string]bool)
	for r.More() {
		token, line, err := r.next()
		if err != nil {
			return nil, err
		}
		name, _ := token.(string)
		if seen[name] {
			return nil, &Error{File: r.file, Line: line, Reason: strconv.Quote(cut(name)) + " is given twice"}
		}
		seen[name] = true
		v, err := r.value()
		if err != nil {
			return nil, err
		}
		o = append(o, field{name, line, v})
	}
	_, err = r.Token()
	return o, err
}

// kind returns what a value is, in words.
func (v value) kind() string {
	switch d := v.data.(type) {
	case string:
		return "a string"
	case json.Number:
		return "the number " + d.String()
	case bool:
		return strconv.FormatBool(d)
	case []value:
		return "a list"
	case object:
		return "an object"
	}
	return "null"
}

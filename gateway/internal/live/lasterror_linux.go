package live

// A lastError is the last error of a kind, so that of errors that follow one
// another each is logged once. The zero value is none.
type lastError string

// turns takes over how it went now, and reports whether that is an error other
// than the last.
func (e *lastError) turns(err error) bool {
	was := *e
	if *e = ""; err != nil {
		*e = lastError(err.Error())
	}
	return err != nil && *e != was
}

// errorsOf returns a function that logs each error that differs from the last.
func (g *gateway) errorsOf(what string) func(error) {
	var last lastError
	return func(err error) {
		if last.turns(err) {
			g.Log.Error(what, "error", err)
		}
	}
}

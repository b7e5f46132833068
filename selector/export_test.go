package selector

// Identity returns the identity of a strategy of this package; "" for others.
func Identity(s Strategy) string {
	if id, ok := s.(identified); ok && ours(s) {
		return id.identity()
	}
	return ""
}

// EntrySize returns the bytes that a table takes for each slot; 0 if s is none
// of this package.
func EntrySize(s Selector) int {
	switch t := s.(type) {
	case byteTable:
		if t.bytes() == nil {
			return 2
		}
		return 1
	}
	return 0
}

// NobodyIsDown reports whether look-ups need not ask for marks.
func NobodyIsDown(d *Domain) bool { return d.down.Load() == 0 }

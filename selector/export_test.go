package selector

// Identity returns the identity of a strategy of this package; "" for others.
func Identity(s Strategy) string {
	if id, ok := s.(identified); ok && ours(s) {
		return id.identity()
	}
	return ""
}

package services

// tellOwned takes down which share of the hashes each member of a service owns,
// and says so of those that own nothing and are due something: where a table is
// small or weights are far apart, a member may get no flow at all.
func (r *Registry) tellOwned(s *service) {
	v := s.group.Load().View()
	shares, due, was := v.Shares(), v.Due(), s.owned
	s.owned = make(map[string]float64, len(shares))
	for i, m := range v.All() {
		s.owned[m.ID] = shares[i]
		if before, told := was[m.ID]; shares[i] == 0 && due[i] > 0 && (!told || before > 0) {
			r.logger.Warn("a member owns nothing: a larger table may help", "service", s.Name, "member", m.ID,
				"due", due[i])
		}
	}
}

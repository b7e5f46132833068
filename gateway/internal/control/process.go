package control

import "time"

// Process says what forwards, since when.
type Process struct {
	Plane   string // as the configuration names it
	Workers int
	Mode    func() string // how the plane receives now; nil: nothing is known
	Started time.Time
}

type processStats struct {
	Plane   string    `json:"plane"`
	Mode    string    `json:"mode,omitempty"`
	Workers int       `json:"workers"`
	Started time.Time `json:"started"`
	Uptime  float64   `json:"uptimeSeconds"`
}

func (p *Process) stats() processStats {
	s := processStats{p.Plane, "", p.Workers, p.Started, time.Since(p.Started).Seconds()}
	if p.Mode != nil {
		s.Mode = p.Mode()
	}
	return s
}
